//go:build amd64 || arm64 || riscv64

package diagram_test

import (
	"fmt"

	"github.com/coderrange/ferrous/diagram"
)

func Example() {
	i, x := int32(258), int8(5)
	p := &i
	picture := diagram.Capture(diagram.Frame("main",
		diagram.Var("i", &i), diagram.Var("x", &x), diagram.Var("p", &p)))
	fmt.Print(picture.Text(60))
	// Output:
	// main
	//   ┌─────────────────────────────────┐
	//   │ #1 i int32 · 4 B                │
	//   ├─────────────────────────────────┤
	//   │ +0   258  bytes LSB:02 01 00 00 │
	//   └─────────────────────────────────┘
	//   ┌──────────────────────┐
	//   │ #2 x int8 · 1 B      │
	//   ├──────────────────────┤
	//   │ +0   5  bytes LSB:05 │
	//   └──────────────────────┘
	//   ┌───────────────────┐
	//   │ #3 p *int32 · 8 B │
	//   ├───────────────────┤
	//   │ +0   ─▶ #1        │
	//   └───────────────────┘
}

package diagram_test

import (
	"fmt"

	"github.com/coderrange/ferrous/diagram"
	"github.com/coderrange/ferrous/rc"
)

func ExamplePicture_Path() {
	type node struct {
		name string
		next *node
	}
	list := &node{"a", &node{"b", nil}}
	p := diagram.Capture(diagram.Frame("main", diagram.Var("list", &list)))
	fmt.Println(p.Path(3))
	// Output: main.list ─▶ #2.next ─▶ #3
}

func ExampleDiff() {
	count := int64(1)
	before := diagram.Capture(diagram.Var("count", &count))
	count++
	after := diagram.Capture(diagram.Var("count", &count))
	diagram.Diff(printer{}, before, after)
	// Output:
	// memory changed:
	//   #1 count int64 · 8 B
	// -     1
	// +     2
}

// printer stands for the testing.T of a test.
type printer struct{}

func (printer) Helper()                           {}
func (printer) Errorf(format string, args ...any) { fmt.Printf(format, args...) }

func ExamplePicture_Box() {
	a := rc.New("shared")
	b := a.Clone()
	p := diagram.Capture(diagram.Var("a", &a), diagram.Var("b", &b))
	block := p.Box("a").Rows[0].Cells[0].To
	fmt.Println(block == p.Box("b").Rows[0].Cells[0].To)
	for _, row := range block.Rows {
		fmt.Println(row.Name, row.Cells[0].Text)
	}
	// Output:
	// true
	// strong 2
	// weak 0
	// value "shared"
}

package storecall

import (
	"flag"
	"fmt"
	"go/format"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated file")

// TestCombineIsGenerated holds combine.go to the fields of parts. With -update it writes
// the file.
func TestCombineIsGenerated(t *testing.T) {
	const file = "combine.go"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(combineText(t)), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, combineText(t), string(got), "run go test ./internal/storecall -update")
}

// combineText returns combine.go: a type for each set of parts.
func combineText(t *testing.T) string {
	t.Helper()
	var names []string
	for field := range reflect.TypeFor[parts[int]]().Fields() {
		names = append(names, field.Name)
	}
	var b strings.Builder
	b.WriteString(`// Code generated from parts by go test ./internal/storecall -update; DO NOT EDIT.

package storecall

import "github.com/coderrange/ferrous/seatmap"

// combine returns w with those of the parts whose bits are set in has.
func combine[S any](has int, w *wrapper[S], p *parts[S]) seatmap.Store {
	switch has {
`)
	for has := 1; has < 1<<len(names); has++ {
		fields, values := "*wrapper[S]", "w"
		for i, name := range names {
			if has&(1<<i) != 0 {
				fields += "\n*" + name + "[S]"
				values += ", p." + name
			}
		}
		fmt.Fprintf(&b, "case %d:\nreturn struct{\n%s\n}{%s}\n", has, fields, values)
	}
	b.WriteString("}\nreturn w\n}\n")
	text, err := format.Source([]byte(b.String()))
	require.NoError(t, err)
	return string(text)
}

package api

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/exported"
)

// broken breaks each rule.
const broken = `package arcmutex

import ("context"; "errors"; "iter"; "github.com/coderrange/ferrous/internal/track")

type Cell[T any] struct{ v T }

func NewSell[T any](v T) *Cell[T] { return nil }       // 1
func NewCell[T any](v T, n, m int) *Cell[T] { return nil } // 2
func NewCellDrop[T any](c CellConfig) (*Cell[T], error) { return nil, nil } // 2, 3

type CellConfig struct{ N int } // 2

func (c *Cell[T]) Get() *T { return nil } // 4
func (c *Cell[T]) Ref() *T { return nil } // 4
func (c *Cell[T]) With(f func(T)) {} // 5
func (c *Cell[T]) RWith(f func(*T)) {} // 5: no RWithErr
func (c *Cell[T]) WithNothing() {} // 5
func (c *Cell[T]) TryGet() T { return c.v } // 6
func (c *Cell[T]) TrySet(ctx context.Context) bool { return false } // 6, 7
func (c *Cell[T]) Set(v T, ctx context.Context) {} // 7
func (c *Cell[T]) SwapContext(ctx context.Context) {} // 7: no Swap
func (c *Cell[T]) Stop() {} // 8
func (c *Cell[T]) Drop() bool { return false } // 8
func (c *Cell[T]) Shutdown() {} // 8
func (c *Cell[T]) Values(ctx context.Context) iter.Seq[T] { return nil } // 7, 9
func RunContext[T any](ctx context.Context, f func(context.Context) (T, error)) {} // 7, 10
func Peek[T any](c *Cell[T]) {} // 16

type State struct{ n int } // 11
type Shade int // 11
type Mode int // 11

const ShadeA, ModeB Shade = 0, 1 // 13
const ModeA Mode = 0

var Closed = errors.New("closed") // 12
var ErrOpen = errors.New("open") // 12

type Fault string // 12
func (f Fault) Error() string { return "" }
type CellError struct{} // 12
func (e *CellError) Error() string { return "" }

func Inner() *track.Class { return nil } // 15
`

func TestBrokenRulesAreFound(t *testing.T) {
	if testkit.RaceEnabled {
		t.Skip("the race detector finds nothing in source")
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "broken.go", broken, parser.ParseComments)
	require.NoError(t, err)
	p := &exported.Package{Name: "arcmutex", Fset: fset, Files: []*ast.File{file}, Info: &types.Info{Defs: map[*ast.Ident]types.Object{}}}
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	p.Types, err = config.Check("arcmutex", fset, p.Files, p.Info)
	require.NoError(t, err)
	const cell = "arcmutex.Cell."
	for number, want := range map[int][]string{
		1: {"arcmutex.NewSell"}, 2: {"arcmutex.CellConfig", "arcmutex.NewCell", "arcmutex.NewCellDrop"}, 3: {"arcmutex.NewCellDrop"},
		4: {cell + "Get", cell + "Ref"}, 5: {cell + "RWith", cell + "With", cell + "WithNothing"}, 6: {cell + "TryGet", cell + "TrySet"},
		7: {cell + "Set", cell + "SwapContext", cell + "TrySet", cell + "Values", "arcmutex.RunContext"}, 8: {cell + "Drop", cell + "Shutdown", cell + "Stop"},
		9: {cell + "Values"}, 10: {"arcmutex.RunContext"}, 11: {"arcmutex.Cell", "arcmutex.Mode", "arcmutex.Shade", "arcmutex.State"},
		12: {"arcmutex.CellError", "arcmutex.Closed", "arcmutex.ErrOpen", "arcmutex.Fault"}, 13: {"arcmutex.ModeB"}, 15: {"arcmutex.Inner"},
		16: {"arcmutex.Peek"},
	} {
		var found []string
		for _, f := range rules[number](p) {
			found = append(found, f.name)
		}
		slices.Sort(found)
		assert.Equal(t, want, slices.Compact(found), "rule %d", number)
	}
}

// Package contexts checks what all packages of the module promise of contexts.
package contexts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// Iterators that can fail yield (value, error), and the error comes last with a
// value that is none. A loop that leaves out the error takes that for one more
// value and its failure for the end.
func TestNoLoopLeavesOutTheErrorOfItsIterator(t *testing.T) {
	if testkit.RaceEnabled {
		t.Skip("the race detector finds nothing in source")
	}
	loops := 0
	checked := map[string]*types.Package{"unsafe": types.Unsafe}
	for _, p := range list(t) {
		c := types.Config{
			Importer: importer(func(path string) (*types.Package, error) {
				if mapped, ok := p.ImportMap[path]; ok {
					path = mapped
				}
				if found := checked[path]; found != nil {
					return found, nil
				}
				return nil, fmt.Errorf("%s is not listed", path)
			}),
			IgnoreFuncBodies: p.DepOnly,
			Sizes:            types.SizesFor("gc", runtime.GOARCH),
		}
		if p.DepOnly {
			c.Error = func(error) {} // it compiles where its C and its assembly are
		}
		fset := token.NewFileSet()
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			files = append(files, f)
		}
		found, n, pkg, err := careless(p.ImportPath, fset, files, &c)
		if checked[p.ImportPath] = pkg; !p.DepOnly {
			require.NoError(t, err)
			assert.Empty(t, found)
			loops += n
		}
	}
	assert.Greater(t, loops, 50, "loops over such iterators in the module")
}

// TestCarelessLoopsAreFound shows that the check can fail.
func TestCarelessLoopsAreFound(t *testing.T) {
	const source = `package p

type seq[V any] func(yield func(V, error) bool)

func all[V any]() seq[V] { return nil }

func loops(m map[int]error) {
	for range all[int]() { // 8
	}
	for v := range all[int]() { // 10
		_ = v
	}
	var v string
	for v = range all[string]() { // 14
		_ = v
	}
	for v, _ := range all[int]() { // 17
		_ = v
	}
	for _, err := range all[int]() {
		_ = err
	}
	for v := range m {
		_ = v
	}
}
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", source, parser.SkipObjectResolution)
	require.NoError(t, err)
	found, loops, _, err := careless("p", fset, []*ast.File{f}, &types.Config{})
	require.NoError(t, err)
	assert.Equal(t, []string{"p.go:8:2", "p.go:10:2", "p.go:14:2", "p.go:17:2"}, found)
	assert.Equal(t, 5, loops)
}

// careless checks a package. It returns the loops over iterators of (value, error)
// that leave out the error, and the number of loops over such iterators.
func careless(path string, fset *token.FileSet, files []*ast.File, c *types.Config) (found []string, loops int, pkg *types.Package, err error) {
	info := types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	pkg, err = c.Check(path, fset, files, &info)
	for _, f := range files {
		for n := range ast.Preorder(f) {
			loop, ok := n.(*ast.RangeStmt)
			if !ok || info.TypeOf(loop.X) == nil || !canFail(info.TypeOf(loop.X)) {
				continue
			}
			loops++
			if v, named := loop.Value.(*ast.Ident); loop.Value == nil || named && v.Name == "_" {
				found = append(found, fset.Position(loop.Pos()).String())
			}
		}
	}
	return found, loops, pkg, err
}

// importer is a [types.Importer].
type importer func(path string) (*types.Package, error)

func (i importer) Import(path string) (*types.Package, error) { return i(path) }

// canFail reports whether t is an iterator of (value, error).
func canFail(t types.Type) bool {
	f, ok := t.Underlying().(*types.Signature)
	if !ok || f.Params().Len() != 1 {
		return false
	}
	yield, ok := f.Params().At(0).Type().Underlying().(*types.Signature)
	return ok && yield.Params().Len() == 2 &&
		types.Identical(yield.Params().At(1).Type(), types.Universe.Lookup("error").Type())
}

// listed is a package, or a package as its test sees it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string
	DepOnly    bool
}

// list returns the packages of the workspace, with their tests and all that they
// import, each behind its own imports.
func list(t *testing.T) (packages []listed) {
	t.Helper()
	mods, err := testkit.Command(t, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	require.NoError(t, err)
	args := []string{"list", "-test", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap,DepOnly"}
	for dir := range strings.FieldsSeq(string(mods)) {
		args = append(args, dir+"/...")
	}
	c := testkit.Command(t, "go", args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	require.NoError(t, err, stderr.String())
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else {
			require.NoError(t, err)
		}
		if p.ImportPath != "unsafe" && !strings.HasSuffix(p.ImportPath, ".test") { // the main package of a test
			packages = append(packages, p)
		}
	}
}

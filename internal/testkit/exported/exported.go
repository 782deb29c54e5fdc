// Package exported loads the public packages of the module with their types, for
// tests that hold for all of them.
package exported

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Module is the path of the module.
const Module = "github.com/coderrange/ferrous"

// A Package is a public package.
type Package struct {
	Path  string // its import path
	Dir   string // its directory
	Name  string
	Fset  *token.FileSet
	Files []*ast.File // without tests
	Types *types.Package
	Info  *types.Info
}

// apart is the directories of the repository that hold no public package, or one whose
// names are Prometheus' and OpenTelemetry's.
var apart = []string{"bench", "bin", "deploy", "docs", "examples", "internal", "interop", "metrics", "testdata", "tools", "tracing"}

// Load returns the public packages of the repository that lies at root, in the order
// of their paths, without the one of the root itself: it is a page and has no names. The tree is read from source, with no other tool than the go
// command. A type is the same one in all packages. It needs the workspace, in which
// the nested modules are, and skips the test without it.
func Load(tb testing.TB, root string) []*Package {
	tb.Helper()
	if os.Getenv("GOWORK") == "off" {
		tb.Skip("the packages of nested modules need the workspace")
	}
	root, err := filepath.Abs(root)
	require.NoError(tb, err)
	cgo := build.Default.CgoEnabled
	build.Default.CgoEnabled = false // what the importer loads needs no C compiler then
	defer func() { build.Default.CgoEnabled = cgo }()
	fset := token.NewFileSet()
	l := &loader{root, fset, importer.ForCompiler(fset, "source", nil).(types.ImporterFrom), map[string]*Package{}}
	var all []*Package
	require.NoError(tb, filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir != root && (slices.Contains(apart, d.Name()) || strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if dir == root {
			return nil
		}
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		p, err := l.load(path.Join(Module, filepath.ToSlash(rel)))
		if _, none := err.(*build.NoGoError); none || err == nil && p.Name == "main" { //nolint:errorlint // it is not wrapped
			return nil // a program has no names for others
		}
		all = append(all, p)
		return err
	}))
	require.NotEmpty(tb, all)
	return all
}

// A loader loads each package of the module once.
type loader struct {
	root   string
	fset   *token.FileSet
	others types.ImporterFrom // of other modules and of the standard library
	loaded map[string]*Package
}

func (l *loader) load(path string) (*Package, error) {
	if p := l.loaded[path]; p != nil {
		return p, nil
	}
	dir := filepath.Join(l.root, filepath.FromSlash(strings.TrimPrefix(path, Module)))
	found, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	p := &Package{Path: path, Dir: dir, Name: found.Name, Fset: l.fset}
	for _, name := range found.GoFiles {
		file, err := parser.ParseFile(l.fset, filepath.Join(dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, file)
	}
	p.Info = &types.Info{Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: from{l, dir}}
	p.Types, err = config.Check(path, l.fset, p.Files, p.Info)
	l.loaded[path] = p
	return p, err
}

// from imports as the files of dir do.
type from struct {
	*loader
	dir string
}

func (f from) Import(path string) (*types.Package, error) {
	if path == Module || strings.HasPrefix(path, Module+"/") {
		p, err := f.load(path)
		if err != nil {
			return nil, err
		}
		return p.Types, nil
	}
	return f.others.ImportFrom(path, f.dir, 0)
}

// Objects returns the exported objects of the package, in the order of their names.
func (p *Package) Objects() (all []types.Object) {
	for _, name := range p.Types.Scope().Names() {
		if token.IsExported(name) {
			all = append(all, p.Types.Scope().Lookup(name))
		}
	}
	return all
}

// A Func is an exported function, or an exported method of an exported type.
type Func struct {
	*types.Func
	Pkg       *Package
	Recv      *types.Named // nil for a function
	Signature *types.Signature
}

// String returns package.Function or package.Type.Method.
func (f Func) String() string {
	if f.Recv == nil {
		return f.Pkg.Name + "." + f.Name()
	}
	return f.Pkg.Name + "." + f.Recv.Obj().Name() + "." + f.Name()
}

// Funcs returns all exported functions and the exported methods of exported types,
// among them those that are promoted from what is embedded.
func (p *Package) Funcs() (all []Func) {
	for _, o := range p.Objects() {
		switch o := o.(type) {
		case *types.Func:
			all = append(all, Func{o, p, nil, o.Signature()})
		case *types.TypeName:
			named, ok := o.Type().(*types.Named)
			if !ok || o.IsAlias() {
				continue
			}
			for m := range Methods(named) {
				if m.Exported() {
					all = append(all, Func{m, p, named, m.Signature()})
				}
			}
		}
	}
	return all
}

// Methods yields the methods of a pointer to t, or of t itself if t is an interface,
// in the order of their names.
func Methods(t *types.Named) func(yield func(*types.Func) bool) {
	var of types.Type = t
	if !types.IsInterface(t) {
		of = types.NewPointer(t)
	}
	set := types.NewMethodSet(of)
	return func(yield func(*types.Func) bool) {
		for m := range set.Methods() {
			if !yield(m.Obj().(*types.Func)) {
				return
			}
		}
	}
}

// Doc returns the comment of a function or method of the package.
func (f Func) Doc() string {
	for _, file := range f.Pkg.Files {
		for _, d := range file.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && f.Pkg.Info.Defs[d.Name] == f.Origin() {
				var b strings.Builder
				if d.Doc != nil {
					for _, c := range d.Doc.List {
						b.WriteString(c.Text + "\n")
					}
				}
				return b.String()
			}
		}
	}
	return ""
}

// Root returns the root of the repository for a test that runs in a directory so
// many levels below it.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	require.NoError(tb, err)
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+Module+"\n") {
			return dir
		}
		require.NotEqual(tb, filepath.Dir(dir), dir, "there is no go.mod above")
		dir = filepath.Dir(dir)
	}
}

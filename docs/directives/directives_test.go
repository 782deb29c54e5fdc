// Package directives_test holds the lines that begin with //ferrous: against
// docs/directives.md.
package directives_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const prefix = "//ferrous:"

// grammar is what may stand behind the prefix.
var grammar = regexp.MustCompile(`^(acquire|borrow (shared|mut)|release|(takes|transfers) \w+( on ok)?|lends|mustuse|idempotent|fallible|blocks)$`)

// A function is a function or method with its directives.
type function struct {
	pkg, receiver, name string // receiver is the name of its type
	receiverName        string
	decl                *ast.FuncDecl
	lines               []string
	at                  string
}

func (f function) String() string {
	return strings.ReplaceAll(f.at+": "+f.pkg+"."+f.receiver+"."+f.name, "..", ".")
}

func (f function) has(words ...string) bool {
	return slices.ContainsFunc(f.lines, func(l string) bool { return slices.Contains(words, strings.Fields(l)[0]) })
}

// base returns the name of a type of the same package, without pointer and type
// arguments.
func base(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return base(e.X)
	case *ast.IndexExpr:
		return base(e.X)
	case *ast.IndexListExpr:
		return base(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func fieldTypes(l *ast.FieldList) (types []ast.Expr) {
	if l == nil {
		return nil
	}
	for _, f := range l.List {
		for range max(1, len(f.Names)) {
			types = append(types, f.Type)
		}
	}
	return types
}

func (f function) results() []ast.Expr { return fieldTypes(f.decl.Type.Results) }

// mayFail says whether the last result is an error or a bool beside others, or
// the only one.
func (f function) mayFail() bool {
	r := f.results()
	return len(r) > 0 && slices.Contains([]string{"error", "bool"}, base(r[len(r)-1]))
}

// read returns all functions of the module's public packages, and which types
// each struct embeds.
func read(t *testing.T) (all []function, embeds map[string][]string) {
	t.Helper()
	embeds = map[string][]string{}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	set := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if slices.Contains([]string{"examples", "interop", "bench", "tools", "docs", "bin", "internal"}, rel) || strings.HasPrefix(d.Name(), ".git") || d.Name() == "internal" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(rel))
		inDocs := 0
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				f := function{pkg: pkg, name: decl.Name.Name, decl: decl, at: fmt.Sprintf("%s:%d", rel, set.Position(decl.Pos()).Line)}
				if decl.Recv != nil {
					f.receiver = base(decl.Recv.List[0].Type)
					if names := decl.Recv.List[0].Names; len(names) > 0 {
						f.receiverName = names[0].Name
					}
				}
				if decl.Doc != nil {
					for _, c := range decl.Doc.List {
						if line, ok := strings.CutPrefix(c.Text, prefix); ok {
							f.lines = append(f.lines, line)
							inDocs++
						}
					}
				}
				all = append(all, f)
			case *ast.GenDecl:
				for _, s := range decl.Specs {
					spec, ok := s.(*ast.TypeSpec)
					if !ok {
						continue
					}
					if st, ok := spec.Type.(*ast.StructType); ok {
						for _, field := range st.Fields.List {
							if len(field.Names) == 0 {
								embeds[pkg+"."+spec.Name.Name] = append(embeds[pkg+"."+spec.Name.Name], base(field.Type))
							}
						}
					}
				}
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		assert.Equal(t, strings.Count("\n"+string(text), "\n"+prefix)+strings.Count(string(text), "\t"+prefix), inDocs, "%s: a directive that belongs to no function", rel)
		return nil
	}))
	return all, embeds
}

func TestEveryDirectiveHoldsAgainstItsSignature(t *testing.T) {
	all, embeds := read(t)
	released := map[string]bool{} // types with a method that has release
	for _, f := range all {
		if f.has("release") {
			released[f.pkg+"."+f.receiver] = true
		}
	}
	var ended func(pkg, name string) bool
	ended = func(pkg, name string) bool {
		return released[pkg+"."+name] || slices.ContainsFunc(embeds[pkg+"."+name], func(e string) bool { return ended(pkg, e) })
	}
	for _, f := range all {
		for i, l := range f.lines {
			assert.Regexp(t, grammar, l, f)
			assert.NotContains(t, f.lines[:i], l, "%s: twice", f)
		}
		owns := f.has("acquire", "borrow")
		returns := slices.ContainsFunc(f.results(), func(e ast.Expr) bool {
			_, isFunc := e.(*ast.FuncType)
			return ended(f.pkg, base(e)) || isFunc && owns
		})
		exported := f.decl.Name.IsExported() && (f.receiver == "" || ast.IsExported(f.receiver) || owns || f.has("release"))
		itself := f.receiver != "" && len(f.results()) == 1 && base(f.results()[0]) == f.receiver && strings.HasPrefix(f.name, "With")
		switch {
		case owns && f.has("acquire") && f.has("borrow"):
			t.Errorf("%s: acquire and borrow", f)
		case owns && !returns:
			t.Errorf("%s: returns nothing that has an end", f)
		case exported && returns && !owns && !f.has("transfers") && !itself:
			t.Errorf("%s: returns what must be ended, and says neither acquire, borrow nor transfers", f)
		}
		if f.has("mustuse") {
			assert.False(t, owns, "%s: mustuse is implied", f)
			assert.NotEmpty(t, f.results(), f)
		}
		if f.has("release") {
			assert.NotEmpty(t, f.receiver, f)
		} else if exported && slices.Contains([]string{"Drop", "Release", "Unlock", "Close"}, f.name) && f.decl.Type.Params.NumFields() == 0 && ended(f.pkg, f.receiver) {
			t.Errorf("%s: ends its receiver and does not say release", f)
		}
		if owns {
			assert.Equal(t, f.mayFail(), f.has("fallible"), "%s: fallible", f)
		} else {
			assert.False(t, f.has("fallible"), "%s: nothing that may fail", f)
		}
		if f.has("idempotent") {
			assert.True(t, f.has("release"), f)
		}
		if f.has("blocks") && f.name != "TryInsert" { // which has its name from Rust
			assert.False(t, strings.HasPrefix(f.name, "Try"), "%s: blocks", f)
		}
		for _, l := range f.lines {
			words := strings.Fields(l)
			if words[0] != "takes" && words[0] != "transfers" {
				continue
			}
			var names []string
			for _, p := range f.decl.Type.Params.List {
				for _, n := range p.Names {
					names = append(names, n.Name)
				}
			}
			assert.Contains(t, append(names, f.receiverName), words[1], f)
			if len(words) > 2 {
				assert.True(t, f.mayFail(), "%s: on ok, and nothing says whether it is", f)
			}
		}
		if f.has("lends") {
			assert.True(t, slices.ContainsFunc(f.results(), isPointer) || slices.ContainsFunc(fieldTypes(f.decl.Type.Params), func(e ast.Expr) bool {
				fn, ok := e.(*ast.FuncType)
				return ok && slices.ContainsFunc(fieldTypes(fn.Params), isPointer)
			}), "%s: lends no pointer", f)
		} else if f.name == "Ptr" && exported {
			t.Errorf("%s: does not say lends", f)
		}
	}
}

func isPointer(e ast.Expr) bool { _, ok := e.(*ast.StarExpr); return ok }

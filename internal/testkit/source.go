package testkit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ExportedFuncs returns the exported functions and methods of a package by their names.
func ExportedFuncs(t *testing.T, dir string) map[string]*ast.FuncDecl {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	funcs := map[string]*ast.FuncDecl{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				kind := TypeName(f.Recv.List[0].Type)
				if !ast.IsExported(kind) {
					continue
				}
				name = kind + "." + name
			}
			funcs[name] = f
		}
	}
	return funcs
}

// TypeName returns the name of the type e, without its arguments, or of what e points to.
func TypeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return TypeName(e.X)
	case *ast.IndexExpr:
		return TypeName(e.X)
	case *ast.IndexListExpr:
		return TypeName(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return ""
	}
}

// MisusesOf returns what can be nil among the parameters of f: "nil context" and
// "nil function".
func MisusesOf(f *ast.FuncDecl) (all []string) {
	for _, p := range f.Type.Params.List {
		kind := p.Type
		if many, ok := kind.(*ast.Ellipsis); ok {
			kind = many.Elt
		}
		switch kind := kind.(type) {
		case *ast.FuncType:
			all = append(all, "nil function")
		case *ast.SelectorExpr:
			if kind.Sel.Name == "Context" {
				all = append(all, "nil context")
			}
		}
	}
	return all
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A pkg is a package to break.
type pkg struct {
	dir   string
	fset  *token.FileSet
	files []*ast.File
	types *types.Package
	info  types.Info

	// foreign has the types of other packages that constants were converted to.
	// The files that use them need not import those packages.
	foreign []*types.TypeName
}

// load parses and checks the package.
func load(ctx context.Context, path string) (*pkg, error) {
	p := &pkg{fset: token.NewFileSet(), info: types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
	text, err := goList(ctx, path, "{{.Dir}}\n{{.ImportPath}}\n{{range .GoFiles}}{{.}}\n{{end}}")
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(text)
	p.dir = lines[0]
	for _, name := range lines[2:] {
		f, err := parser.ParseFile(p.fset, filepath.Join(p.dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	c := types.Config{Importer: importer.ForCompiler(p.fset, "source", nil)}
	p.types, err = c.Check(lines[1], p.fset, p.files, &p.info)
	return p, err
}

func goList(ctx context.Context, path, format string) (string, error) {
	c := exec.CommandContext(ctx, "go", "list", "-f", format, path)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go list %s: %w\n%s", path, err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
}

// A mutant is one change of the package.
type mutant struct {
	number int // that switches it on, from 1
	place  string
	change string
	code   string
}

// String returns where the mutant is and what it does.
func (m mutant) String() string {
	return fmt.Sprintf("%d\t%s\t%s\t%s", m.number, m.place, m.change, m.code)
}

// A breaker puts mutants into one file. All edits are insertions, or replace an
// operator, so that mutants may lie within each other.
type breaker struct {
	*pkg
	name    string
	source  []byte
	next    int // number of the next mutant
	mutants []mutant
	edits   []edit
	void    bool              // the function that is being walked has no result
	bare    map[ast.Expr]bool // not values: what is assigned to, and calls that are statements
}

// An edit puts text in the place of source[from:to].
type edit struct {
	from, to int
	text     string
	order    int // among the edits at from: ends of inner nodes, then of outer ones, then beginnings of outer ones
}

func (b *breaker) offset(p token.Pos) int { return b.fset.Position(p).Offset }

// add makes a mutant of node and returns its number.
func (b *breaker) add(node ast.Node, change string) int {
	code := string(b.source[b.offset(node.Pos()):b.offset(node.End())])
	code, _, _ = strings.Cut(code, "\n")
	place := fmt.Sprintf("%s:%d", b.name, b.fset.Position(node.Pos()).Line)
	b.mutants = append(b.mutants, mutant{b.next, place, change, code})
	b.next++
	return b.next - 1
}

// wrap puts text before and after node. Of nodes that begin or end at one place
// the outer one must be wrapped first.
func (b *breaker) wrap(node ast.Node, before, after string) {
	n := len(b.edits) + 1
	b.edits = append(b.edits,
		edit{b.offset(node.Pos()), b.offset(node.Pos()), before, n},
		edit{b.offset(node.End()), b.offset(node.End()), after, -n})
}

// call makes a call of the binary expression.
func (b *breaker) call(x *ast.BinaryExpr, function string, number int) {
	b.wrap(x, fmt.Sprintf("%s(%d, ", function, number), ")")
	at := b.offset(x.OpPos)
	b.edits = append(b.edits, edit{at, at + len(x.Op.String()), ",", 0})
}

// text returns the file with its edits.
func (b *breaker) text() []byte {
	slices.SortStableFunc(b.edits, func(x, y edit) int {
		if x.from != y.from {
			return x.from - y.from
		}
		return x.order - y.order
	})
	var text []byte
	at := 0
	for _, e := range b.edits {
		text = append(append(text, b.source[at:e.from]...), e.text...)
		at = e.to
	}
	return append(text, b.source[at:]...)
}

func (b *breaker) file(f *ast.File) {
	b.bare = map[ast.Expr]bool{}
	for _, d := range f.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			b.function(f.Type, f.Body)
		}
	}
}

// function breaks the body of a function.
func (b *breaker) function(t *ast.FuncType, body *ast.BlockStmt) {
	outer := b.void
	b.void = t.Results.NumFields() == 0
	ast.Inspect(body, b.visit)
	b.void = outer
}

func (b *breaker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncLit:
		b.function(n.Type, n.Body)
		return false
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.ExprStmt:
		b.bare[n.X] = true
	case *ast.AssignStmt:
		for _, x := range n.Lhs {
			b.bare[x] = true
		}
	case *ast.RangeStmt:
		b.bare[n.Key], b.bare[n.Value] = true, true
	case *ast.UnaryExpr:
		b.bare[n.X] = n.Op == token.AND
		return b.expression(n)
	case *ast.DeferStmt:
		b.bare[n.Call] = true
	case *ast.GoStmt:
		b.bare[n.Call] = true
	case *ast.BlockStmt:
		b.statements(n.List)
	case *ast.CaseClause:
		b.statements(n.Body)
	case *ast.CommClause:
		b.statements(n.Body)
	case ast.Expr:
		return b.expression(n)
	}
	return true
}

// statements makes mutants that drop one of the statements.
func (b *breaker) statements(list []ast.Stmt) {
	for _, s := range list {
		change := "drop"
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt:
			if c, ok := s.X.(*ast.CallExpr); ok && !b.void {
				if f, ok := c.Fun.(*ast.Ident); ok && f.Name == "panic" {
					continue // it may be what ends the function
				}
			}
		case *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt:
		default:
			continue
		}
		b.wrap(s, fmt.Sprintf("if !mutant(%d) { ", b.add(s, change)), " }")
	}
}

// expression makes the mutants of x itself, and reports whether there is more
// in it.
func (b *breaker) expression(x ast.Expr) bool {
	tv := b.info.Types[x]
	switch {
	case tv.IsType():
		return false
	case tv.Value != nil:
		b.constant(x, tv)
		return false
	}
	if _, ok := x.(*ast.ParenExpr); ok {
		return true // it is negated within
	}
	binary, _ := x.(*ast.BinaryExpr)
	isJunction := binary != nil && (binary.Op == token.LAND || binary.Op == token.LOR)
	if isBool(tv.Type) && tv.IsValue() && !isJunction && !b.bare[x] {
		n := b.add(x, "negate")
		b.wrap(x, fmt.Sprintf("(mutant(%d) != (", n), "))")
	}
	if binary == nil {
		return true
	}
	functions := map[token.Token]string{
		token.LSS: "mutantLess", token.LEQ: "mutantLessEqual", token.GTR: "mutantGreater", token.GEQ: "mutantGreaterEqual",
		token.ADD: "mutantAdd", token.SUB: "mutantSub", token.AND: "mutantAnd", token.OR: "mutantOr",
	}
	switch function := functions[binary.Op]; {
	case isJunction: // by De Morgan's law
		n := b.add(x, "swap && and ||")
		b.wrap(x, "(", fmt.Sprintf(" != mutant(%d))", n))
		b.wrap(x, "(", ")")
		b.wrap(binary.X, fmt.Sprintf("(mutant(%d) != (", n), "))")
		b.wrap(binary.Y, fmt.Sprintf("(mutant(%d) != (", n), "))")
	case function == "" || !isInt(b.info.Types[binary.X].Type) || !isInt(b.info.Types[binary.Y].Type):
	default:
		b.call(binary, function, b.add(x, "off by one or other operator"))
	}
	return true
}

// constant makes the mutants of a constant.
func (b *breaker) constant(x ast.Expr, tv types.TypeAndValue) {
	switch x := x.(type) {
	case *ast.Ident:
		if x.Name == "true" || x.Name == "false" {
			n := b.add(x, "negate")
			b.wrap(x, fmt.Sprintf("(mutant(%d) != ", n), ")")
		}
	case *ast.BasicLit:
		if x.Kind == token.INT && isInt(tv.Type) {
			n := b.add(x, "one more")
			b.wrap(x, fmt.Sprintf("mutantOne(%d, %s(", n, b.nameOf(tv.Type)), "))")
		}
	}
}

// nameOf returns the name of an integer type within the package: an alias if the
// type is of another package.
func (p *pkg) nameOf(t types.Type) string {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == p.types {
		return types.TypeString(t, types.RelativeTo(p.types))
	}
	i := slices.Index(p.foreign, named.Obj())
	if i < 0 {
		i = len(p.foreign)
		p.foreign = append(p.foreign, named.Obj())
	}
	return fmt.Sprintf("mutantType%d", i)
}

// aliases returns a file that declares the names of foreign types.
func (p *pkg) aliases() []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "package %s\n\n", p.types.Name())
	for i, t := range p.foreign {
		fmt.Fprintf(&text, "import mutantPackage%d %q\n", i, t.Pkg().Path())
	}
	for i, t := range p.foreign {
		fmt.Fprintf(&text, "\ntype mutantType%d = mutantPackage%d.%s\n", i, i, t.Name())
	}
	return text.Bytes()
}

func isBool(t types.Type) bool {
	basic, ok := t.(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

func isInt(t types.Type) bool {
	if _, ok := t.(*types.TypeParam); ok || t == nil {
		return false
	}
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsInteger != 0 && basic.Info()&types.IsUntyped == 0
}

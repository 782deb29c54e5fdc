package interleave

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// ours is what this package has in place of other packages' names.
var ours = map[string][]string{
	"sync/atomic": {
		"Bool", "Pointer", "Int32", "Int64", "Uint32", "Uint64",
		"LoadUintptr", "StoreUintptr", "CompareAndSwapUintptr",
	},
	"sync":         {"Mutex", "RWMutex", "Pool"},
	"runtime":      {"Gosched"},
	"time":         {"AfterFunc", "Timer", "Duration", "Millisecond"},
	"math/rand/v2": {"IntN"},
}

const self = "github.com/coderrange/ferrous/internal/testkit/interleave"

// A rewriter puts this package in place of others, and in place of channel operations.
type rewriter struct {
	text  []byte
	fset  *token.FileSet
	edits []edit
	taken map[ast.Node]bool // communications of a select statement
	n     int               // select statements
}

// An edit puts text in the place of the bytes from from to to.
type edit struct {
	from, to int
	text     string
}

// rewrite rewrites a file, or says why it cannot. It reports whether it changed anything.
func rewrite(name string, text []byte) ([]byte, bool, error) {
	w := &rewriter{text: text, fset: token.NewFileSet(), taken: map[ast.Node]bool{}}
	file, err := parser.ParseFile(w.fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, false, err
	}
	for _, spec := range file.Imports {
		if err := w.replaceImport(file, spec); err != nil {
			return nil, false, err
		}
	}
	ast.Inspect(file, w.visit)
	if len(w.edits) == 0 {
		return text, false, nil
	}
	// The import stands in the line of the package clause, so that lines keep their numbers.
	w.insert(file.Name.End(), fmt.Sprintf("; import interleaving %q", self))
	return append(w.result(), "\nvar _ interleaving.Comm\n"...), true, nil
}

// replaceImport replaces an import if this package has all that is used of it.
func (w *rewriter) replaceImport(file *ast.File, spec *ast.ImportSpec) error {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return err
	}
	has, ok := ours[path]
	if !ok || spec.Name != nil {
		return nil
	}
	name := path[strings.LastIndex(path, "/")+1:]
	if path == "math/rand/v2" {
		name = "rand"
	}
	var missing []string
	makesTimer := false
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
				makesTimer = makesTimer || s.Sel.Name == "AfterFunc"
				if !slices.Contains(has, s.Sel.Name) {
					missing = append(missing, s.Sel.Name)
				}
			}
		}
		return true
	})
	switch {
	case path == "time" && !makesTimer: // its timers are made by another file
	case len(missing) == 0:
		w.replace(spec.Pos(), spec.End(), fmt.Sprintf("%s %q", name, self))
	case path == "sync" || path == "sync/atomic":
		return fmt.Errorf("%s: this package has no %s of %s", w.fset.Position(spec.Pos()), missing, path)
	}
	return nil
}

func (w *rewriter) offset(p token.Pos) int { return w.fset.Position(p).Offset }

func (w *rewriter) source(n ast.Node) string {
	return string(w.text[w.offset(n.Pos()):w.offset(n.End())])
}

func (w *rewriter) replace(from, to token.Pos, text string) {
	w.edits = append(w.edits, edit{w.offset(from), w.offset(to), text})
}

func (w *rewriter) insert(at token.Pos, text string) { w.replace(at, at, text) }

func (w *rewriter) result() []byte {
	slices.SortStableFunc(w.edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	var out []byte
	at := 0
	for _, e := range w.edits {
		out = append(append(out, w.text[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, w.text[at:]...)
}

func (w *rewriter) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.SelectStmt:
		w.selects(n)
	case *ast.SendStmt:
		if !w.taken[n] {
			w.send(n, "Send")
		}
	case *ast.AssignStmt:
		if x, ok := received(n); ok && len(n.Lhs) == 2 && !w.taken[x] {
			w.taken[x] = true
			w.recv(x, "Recv2")
		}
	case *ast.UnaryExpr:
		if n.Op == token.ARROW && !w.taken[n] {
			w.recv(n, "Recv")
		}
	case *ast.CallExpr:
		w.call(n)
	}
	return true
}

// received returns the receive that a statement is.
func received(s ast.Stmt) (*ast.UnaryExpr, bool) {
	var x ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		x = s.X
	case *ast.AssignStmt:
		if len(s.Rhs) == 1 {
			x = s.Rhs[0]
		}
	}
	u, ok := x.(*ast.UnaryExpr)
	return u, ok && u.Op == token.ARROW
}

func (w *rewriter) recv(x *ast.UnaryExpr, function string) {
	w.replace(x.Pos(), x.X.Pos(), "interleaving."+function+"(")
	w.insert(x.End(), ")")
}

func (w *rewriter) send(s *ast.SendStmt, function string) {
	w.insert(s.Pos(), "interleaving."+function+"(")
	w.replace(s.Arrow, s.Arrow+2, ",")
	w.insert(s.End(), ")")
}

func (w *rewriter) call(c *ast.CallExpr) {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		if f.Name == "close" {
			w.replace(f.Pos(), f.End(), "interleaving.Close")
		}
	case *ast.SelectorExpr:
		if w.source(f) == "context.AfterFunc" {
			w.replace(f.Pos(), f.End(), "interleaving.ContextAfterFunc")
		}
	}
}

// selects makes a switch of a select statement. The channels are looked at once.
func (w *rewriter) selects(s *ast.SelectStmt) {
	w.n++
	hasDefault := slices.ContainsFunc(s.Body.List, func(c ast.Stmt) bool { return c.(*ast.CommClause).Comm == nil })
	var names, channels, comms []string
	for at, clause := range s.Body.List {
		clause := clause.(*ast.CommClause)
		if clause.Comm == nil {
			continue
		}
		i := len(names)
		name := fmt.Sprintf("interleaving%d_%d", w.n, i)
		names = append(names, name)
		if !hasDefault && at == len(s.Body.List)-1 {
			w.replace(clause.Case, clause.Comm.Pos(), "default: ") // so that the switch, too, ends a function
		} else {
			w.insert(clause.Comm.Pos(), fmt.Sprintf("%d: ", i))
		}
		if x, ok := received(clause.Comm); ok {
			channels = append(channels, w.source(x.X))
			comms = append(comms, "interleaving.CanRecv("+name+")")
			function := "Take"
			if a, ok := clause.Comm.(*ast.AssignStmt); ok && len(a.Lhs) == 2 {
				function = "Take2"
			}
			w.taken[x] = true
			w.replace(x.Pos(), x.End(), "interleaving."+function+"("+name+")")
		} else {
			x := clause.Comm.(*ast.SendStmt)
			channels = append(channels, w.source(x.Chan))
			comms = append(comms, "interleaving.CanSend("+name+")")
			w.taken[x] = true
			w.replace(x.Pos(), x.Arrow+2, "interleaving.Put("+name+", ")
			w.insert(x.End(), ")")
		}
		w.replace(clause.Colon, clause.Colon+1, ";")
	}
	text := "switch "
	if len(names) > 0 {
		text += strings.Join(names, ", ") + " := " + strings.Join(channels, ", ") + "; "
	}
	text += fmt.Sprintf("interleaving.Select(%t, %s) ", hasDefault, strings.Join(comms, ", "))
	w.replace(s.Pos(), s.Body.Lbrace, text)
}

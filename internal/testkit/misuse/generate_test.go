package misuse

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/coderrange/ferrous/internal/testkit/exported"
)

// A one is a case: one call of a function.
type one struct {
	fn   exported.Func
	how  string // what is bad
	code string // the body of a run.Call
}

// A generator writes the calls of all functions of the packages.
type generator struct {
	packages  []*exported.Package
	producers map[*types.TypeName][]exported.Func
	types     []types.Type // for type parameters: three that are ordered differently for each function, and special ones
	given     []types.Type
	turn      int
	imports   map[string]string
}

// mainFile is the part of the program that is not generated.
//
//go:embed testdata/main.go.txt
var mainFile string

func newGenerator(packages []*exported.Package) *generator {
	g := &generator{packages: packages, producers: map[*types.TypeName][]exported.Func{}, imports: map[string]string{}}
	own := g.declared()
	g.types = []types.Type{types.Typ[types.Int], types.Typ[types.String], own.Lookup("point").Type(), own.Lookup("cursor").Type()}
	for _, p := range packages {
		for _, f := range p.Funcs() {
			for _, r := range list(f.Signature.Results()) {
				if n := named(r); n != nil && n.Obj().Exported() && n.Obj().Pkg() == p.Types {
					g.producers[n.Obj()] = append(g.producers[n.Obj()], f)
				}
			}
		}
	}
	for n, fs := range g.producers {
		rank := func(f exported.Func) int {
			r := f.Signature.Params().Len()
			if f.Recv != nil {
				r += 10
				if f.Recv.Obj() == n {
					r += 1000
				}
			}
			if !strings.HasPrefix(f.Name(), "New") {
				r += 10
			}
			if strings.HasPrefix(f.Name(), "Try") || strings.Contains(f.Doc(), "//ferrous:takes") || strings.Contains(f.Doc(), "//ferrous:transfers") {
				r += 100
			}
			return r
		}
		slices.SortStableFunc(fs, func(a, b exported.Func) int { return rank(a) - rank(b) })
	}
	return g
}

// declared returns the scope of the types of the generated program.
func (*generator) declared() *types.Scope {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "main.go", mainFile, 0)
	if err != nil {
		panic(err)
	}
	// Without imports there are errors, but not in the types.
	config := types.Config{Error: func(error) {}}
	p, _ := config.Check("main", fset, []*ast.File{file}, nil)
	return p.Scope()
}

func list(t *types.Tuple) (all []types.Type) {
	for v := range t.Variables() {
		all = append(all, v.Type())
	}
	return all
}

func named(t types.Type) *types.Named {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n, _ := types.Unalias(t).(*types.Named)
	return n
}

func (g *generator) typ(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Path() == "main" {
			return ""
		}
		name := p.Name()
		g.imports[p.Path()] = name
		return name
	})
}

// A body is the statements of a call.
type body struct {
	*generator
	lines []string
	n     int
	depth int
}

func (b *body) add(format string, args ...any) {
	b.lines = append(b.lines, fmt.Sprintf(format, args...))
}

func (b *body) fresh() string { b.n++; return fmt.Sprintf("v%d", b.n) }

// recipes are good values of types for which the generator finds none that works,
// by package and name.
var recipes = map[string]string{
	"context.Context": "soon()",
	"time.Time":       "time.Now()",
	"time.Duration":   "time.Millisecond",
	"error":           "errGiven",
	"io.Reader":       `strings.NewReader("a")`,
	"io.ReadCloser":   `io.NopCloser(strings.NewReader("a"))`,
	"io.Writer":       "io.Discard",
	"net/url.Values":  "url.Values{}",
	"*net/url.Values": "&url.Values{}",
	"any":             "any(1)",

	"track.TB":                  "tb{}",
	"diagram.TB":                "tb{}",
	"*net/http.Request":         "httpRequest()",
	"option.Option":             "option.Some(*new($1))",
	"option.Nullable":           "option.NotNull(*new($1))",
	"option.Key":                "option.Key[$1](option.Some(*new($1)))",
	"result.Result":             "result.Ok(*new($1))",
	"retry.Contents":            "retry.Contents[$1]{}",
	"retry.QueueOptions":        "retry.QueueOptions[$1]{Store: retry.NewMemory[$1](), Handle: func(context.Context, retry.Job[$1]) error { return nil }}",
	"*boltqueue.Store":          "store[$1]()",
	"*task.Scope":               "scope()",
	"task.PoolOptions":          "task.PoolOptions{Workers: 1}",
	"*seatmap.Map":              "seats()",
	"*journal.Store":            "kept()",
	"*redisseat.Store":          "onServer()",
	"redisseat.Options":         "onServerOptions()",
	"*pgseat.Store":             "inDatabase()",
	"pgseat.Options":            "databaseOptions()",
	"seatmap.PlanOptions":       "seatmap.PlanOptions{Seats: 4}",
	"seatmap.Layout":            "seatmap.Layout{Count: 4}",
	"seatmap.Token":             "hold().Token",
	"seatmap.Hold":              "hold()",
	"seatmap.Booking":           "seatmap.Booking{Token: hold().Token}",
	"diagram.Box":               "diagram.Box{Number: 1}",
	"retry.Journal":             "retry.Journal[$1](nil)",
	"seatmap.Cursor":            "position()",
	"seatmap.CreateRequest":     `seatmap.CreateRequest{Event: "b", Layout: seatmap.Layout{Count: 4}}`,
	"seatmap.RemoveRequest":     `seatmap.RemoveRequest{Event: "a"}`,
	"limit.RateOptions":         "limit.RateOptions{Events: 1}",
	"limit.KeyedOptions":        "limit.KeyedOptions{Rate: limit.RateOptions{Events: 1}}",
	"seatmap.BlockRequest":      `seatmap.BlockRequest{Event: "a", User: "a", Seats: []string{"1"}, TTL: time.Minute}`,
	"seatmap.BlockAnyRequest":   `seatmap.BlockAnyRequest{Event: "a", User: "a", N: 1, TTL: time.Minute}`,
	"seatmap.SeatRequest":       `seatmap.SeatRequest{Event: "a", Seat: "1"}`,
	"seatmap.SeatsRequest":      `seatmap.SeatsRequest{Event: "a"}`,
	"seatmap.LayoutRequest":     `seatmap.LayoutRequest{Event: "a"}`,
	"seatmap.CountsRequest":     `seatmap.CountsRequest{Event: "a"}`,
	"seatmap.HoldsRequest":      `seatmap.HoldsRequest{Event: "a", User: "a"}`,
	"seatmap.RevokeRequest":     `seatmap.RevokeRequest{Event: "a", Seat: "1", Actor: "a"}`,
	"seatmap.ReissueRequest":    `seatmap.ReissueRequest{Event: "a", Seat: "1", Actor: "a"}`,
	"seatmap.MoveRequest":       `seatmap.MoveRequest{Event: "a", Seat: "1", To: []string{"2"}, Actor: "a"}`,
	"seatmap.ReserveRequest":    `seatmap.ReserveRequest{Event: "a", User: "a", Seats: []string{"1"}, Actor: "a"}`,
	"seatmap.ReserveAnyRequest": `seatmap.ReserveAnyRequest{Event: "a", User: "a", N: 1, Actor: "a"}`,
	"seatmap.AddSeatsRequest":   `seatmap.AddSeatsRequest{Event: "a", Layout: seatmap.Layout{Count: 1}, Actor: "a"}`,
	"seatmap.ExportRequest":     `seatmap.ExportRequest{Event: "a"}`,
	"seatmap.WatchRequest":      `seatmap.WatchRequest{Event: "a"}`,
	"seatmap.GrantsRequest":     `seatmap.GrantsRequest{Event: "a", User: "a", Reference: "a"}`,
	"seatmap.CloseSeatsRequest": `seatmap.CloseSeatsRequest{Event: "a", Seats: []string{"1"}, Actor: "a"}`,
	"seatmap.SetQuotaRequest":   `seatmap.SetQuotaRequest{Event: "a", Seats: []string{"1"}, Quota: "a", Actor: "a"}`,
	"seatmap.OpenSeatsRequest":  `seatmap.OpenSeatsRequest{Event: "a", Seats: []string{"1"}, Actor: "a"}`,

	"net/http.Handler":         "http.NotFoundHandler()",
	"net/http.RoundTripper":    "http.DefaultTransport",
	"limithttp.HandlerOptions": "limithttp.HandlerOptions{Rate: limit.NewRate(limit.RateOptions{Events: 1})}",
}

// good returns an expression for a value of t that is in order, or "".
func (b *body) good(t types.Type) string {
	if r, ok := recipes[types.TypeString(t, nil)]; ok {
		b.mention(r)
		return r
	}
	b.depth++
	defer func() { b.depth-- }()
	if b.depth > 8 {
		return ""
	}
	if n := named(t); n != nil && n.Obj().Pkg() != nil {
		_, isPointer := types.Unalias(t).(*types.Pointer)
		if r, ok := b.recipe("*", n); ok && isPointer {
			v := b.fresh()
			b.add("%s := %s", v, r)
			return v
		}
		if r, ok := b.recipe("", n); ok {
			if isPointer {
				v := b.fresh()
				b.add("%s := %s", v, r)
				return "&" + v
			}
			return r
		}
		if v := b.produce(n); v != "" {
			_, made := strings.CutPrefix(v, "*")
			switch {
			case isPointer && made:
				return strings.TrimPrefix(v, "*")
			case isPointer:
				return "&" + v
			}
			return v
		}
		if isPointer {
			if v := b.good(n); v != "" {
				name := b.fresh()
				b.add("var %s %s = %s", name, b.typ(n), v)
				return "&" + name
			}
			return "new(" + b.typ(n) + ")"
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsString != 0:
			return b.typ(t) + `("a")`
		case u.Info()&types.IsBoolean != 0:
			return b.typ(t) + "(true)"
		case u.Info()&types.IsNumeric != 0:
			return b.typ(t) + "(1)"
		}
	case *types.Struct, *types.Array:
		return b.typ(t) + "{}"
	case *types.Slice:
		if e := b.good(u.Elem()); e != "" {
			return b.typ(t) + "{" + e + "}"
		}
	case *types.Map:
		return b.typ(t) + "{}"
	case *types.Chan:
		return "make(" + b.typ(types.NewChan(types.SendRecv, u.Elem())) + ", 1)"
	case *types.Pointer:
		if e := b.good(u.Elem()); e != "" {
			v := b.fresh()
			b.add("var %s %s = %s", v, b.typ(u.Elem()), e)
			return "&" + v
		}
	case *types.Signature:
		return b.function(t, u)
	case *types.Interface:
		for _, p := range b.packages {
			for _, o := range p.Objects() {
				n, ok := o.Type().(*types.Named)
				if !ok || types.IsInterface(n) || u.Empty() {
					continue
				}
				if _, isType := o.(*types.TypeName); !isType {
					continue
				}
				for _, inst := range b.instances(n) {
					if types.Implements(types.NewPointer(inst), u) {
						if v := b.good(types.NewPointer(inst)); v != "" {
							return v
						}
					}
				}
			}
		}
		if u.Empty() {
			return "any(1)"
		}
	}
	return ""
}

// mention imports the packages that code names.
func (b *body) mention(code string) {
	for _, path := range []string{"time", "context", "errors", "io", "strings", "net/url", "net/http"} {
		base := path[strings.LastIndex(path, "/")+1:]
		if strings.Contains(code, base+".") {
			b.imports[path] = base
		}
	}
}

// instances returns n with each type that it takes.
func (g *generator) instances(n *types.Named) (all []*types.Named) {
	if n.TypeParams().Len() == 0 {
		return []*types.Named{n}
	}
	for _, targs := range g.arguments(n.TypeParams(), func(targs []types.Type) bool {
		_, err := types.Instantiate(nil, n.Origin(), targs, true)
		return err == nil
	}) {
		if t, err := types.Instantiate(nil, n.Origin(), targs, true); err == nil {
			all = append(all, t.(*types.Named))
		}
	}
	return all
}

// arguments returns arguments for the type parameters that fit: all of the same type,
// or else the last of another.
func (g *generator) arguments(params *types.TypeParamList, fit func([]types.Type) bool) (all [][]types.Type) {
	if params.Len() == 0 {
		return [][]types.Type{nil}
	}
	for _, last := range []bool{false, true} {
		for _, t := range g.given {
			targs := slices.Repeat([]types.Type{t}, params.Len())
			if last {
				targs = slices.Repeat(g.given[:1], params.Len())
				targs[params.Len()-1] = t
			}
			if fit(targs) {
				all = append(all, targs)
			}
		}
	}
	return all
}

// function returns a function that returns good values and calls its functions once.
func (b *body) function(t types.Type, u *types.Signature) string {
	inner := &body{generator: b.generator, n: b.n + 100, depth: b.depth}
	var params []string
	for i, p := range list(u.Params()) {
		typ := b.typ(p)
		if u.Variadic() && i == u.Params().Len()-1 {
			typ = "..." + b.typ(p.(*types.Slice).Elem())
		}
		params = append(params, fmt.Sprintf("p%d_%d %s", b.depth, i, typ))
		if f, ok := p.Underlying().(*types.Signature); ok && u.Results().Len() == 0 { // an iterator
			var args []string
			for _, a := range list(f.Params()) {
				args = append(args, inner.good(a))
			}
			inner.add("p%d_%d(%s)", b.depth, i, strings.Join(args, ", "))
		}
	}
	var results, values []string
	for _, r := range list(u.Results()) {
		results = append(results, b.typ(r))
		v := "nil"
		if !isError(r) {
			v = inner.good(r)
		}
		values = append(values, v)
	}
	if len(values) > 0 {
		inner.add("return %s", strings.Join(values, ", "))
	}
	b.n = inner.n
	return fmt.Sprintf("%s(func(%s) (%s) { %s })", b.conversion(t), strings.Join(params, ", "), strings.Join(results, ", "), strings.Join(inner.lines, "; "))
}

// conversion returns the name of t for a conversion, or nothing for an unnamed type.
func (b *body) conversion(t types.Type) string {
	if _, ok := types.Unalias(t).(*types.Named); ok {
		return b.typ(t)
	}
	return ""
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// unify finds the type arguments with which the template is t.
func unify(template, t types.Type, found map[*types.TypeParam]types.Type) bool {
	template, t = types.Unalias(template), types.Unalias(t)
	switch x := template.(type) {
	case *types.TypeParam:
		if old := found[x]; old != nil {
			return types.Identical(old, t)
		}
		found[x] = t
		return true
	case *types.Pointer:
		y, ok := t.(*types.Pointer)
		return ok && unify(x.Elem(), y.Elem(), found)
	case *types.Slice:
		y, ok := t.(*types.Slice)
		return ok && unify(x.Elem(), y.Elem(), found)
	case *types.Named:
		y, ok := t.(*types.Named)
		if !ok || x.Origin() != y.Origin() {
			return false
		}
		for i := range x.TypeArgs().Len() {
			if !unify(x.TypeArgs().At(i), y.TypeArgs().At(i), found) {
				return false
			}
		}
		return true
	}
	return types.Identical(template, t)
}

// produce adds statements that make an n, and returns the variable, with * before it
// if it is a pointer, or "".
func (b *body) produce(n *types.Named) string {
	for _, f := range b.producers[n.Origin().Obj()] {
		if f.Recv != nil && f.Recv.Obj() == n.Obj() {
			continue
		}
		attempt := *b
		attempt.lines = slices.Clone(b.lines)
		if v := attempt.producedBy(f, n); v != "" {
			*b = attempt
			return v
		}
	}
	return ""
}

func (b *body) producedBy(f exported.Func, n *types.Named) string {
	found := map[*types.TypeParam]types.Type{}
	results := list(f.Signature.Results())
	at := slices.IndexFunc(results, func(r types.Type) bool { m := named(r); return m != nil && m.Obj() == n.Obj() })
	template := results[at]
	_, isPointer := types.Unalias(template).(*types.Pointer)
	if !unify(named(template), n, found) {
		return ""
	}
	c := b.callee(f, found)
	if c == nil {
		return ""
	}
	var args []string
	for i, p := range list(c.signature.Params()) {
		if c.signature.Variadic() && i == c.signature.Params().Len()-1 {
			p = p.(*types.Slice).Elem()
		}
		a := b.good(p)
		if a == "" {
			return ""
		}
		args = append(args, a)
	}
	v := b.fresh()
	names := slices.Repeat([]string{"_"}, len(results))
	names[at] = v
	last := len(results) - 1
	check := ""
	switch {
	case at < last && isError(results[last]):
		names[last], check = "err"+v, fmt.Sprintf("if err%s != nil { panic(err%s) }", v, v)
	case at < last && types.Identical(results[last], types.Typ[types.Bool]):
		names[last], check = "ok"+v, fmt.Sprintf("if !ok%s { panic(%q) }", v, f.String())
	}
	b.add("%s := %s(%s)", strings.Join(names, ", "), c.expr, strings.Join(args, ", "))
	if check != "" {
		b.add("%s", check)
	}
	b.add("_ = %s", v)
	if isPointer {
		return "*" + v
	}
	return v
}

// A callee is a function with its type arguments.
type callee struct {
	expr      string
	signature *types.Signature
}

// callee makes what f is called on. The type arguments that are not found are chosen.
func (b *body) callee(f exported.Func, found map[*types.TypeParam]types.Type) *callee {
	if f.Recv != nil {
		recv := b.instance(f, found)
		if recv == nil {
			return nil
		}
		v := b.good(types.NewPointer(recv))
		if types.IsInterface(recv) {
			v = b.good(recv)
		}
		if v == "" {
			return nil
		}
		return b.method(v, recv, f.Name())
	}
	for _, targs := range b.arguments(f.Signature.TypeParams(), func([]types.Type) bool { return true }) {
		targs = slices.Clone(targs)
		for i := range targs {
			if t := found[f.Signature.TypeParams().At(i)]; t != nil {
				targs[i] = t
			}
		}
		if c := b.functionOf(f, targs); c != nil {
			return c
		}
	}
	return nil
}

func (b *body) functionOf(f exported.Func, targs []types.Type) *callee {
	expr := f.Pkg.Name + "." + f.Name()
	b.imports[f.Pkg.Path] = f.Pkg.Name
	if len(targs) == 0 {
		return &callee{expr, f.Signature}
	}
	t, err := types.Instantiate(nil, f.Signature, targs, true)
	if err != nil {
		return nil
	}
	var names []string
	for _, t := range targs {
		names = append(names, b.typ(t))
	}
	return &callee{expr + "[" + strings.Join(names, ", ") + "]", t.(*types.Signature)}
}

func (b *body) method(v string, recv *types.Named, name string) *callee {
	var of types.Type = types.NewPointer(recv)
	if types.IsInterface(recv) {
		of = recv
	}
	m := types.NewMethodSet(of).Lookup(recv.Obj().Pkg(), name)
	if m == nil {
		return nil
	}
	if strings.HasPrefix(v, "&") {
		v = "(" + v + ")"
	}
	return &callee{v + "." + name, m.Type().(*types.Signature)}
}

// instance returns the type of f's receiver with the arguments that are found, else
// with the first that fit.
func (g *generator) instance(f exported.Func, found map[*types.TypeParam]types.Type) *types.Named {
	if f.Recv.TypeParams().Len() == 0 {
		return f.Recv
	}
	for _, inst := range g.instances(f.Recv) {
		targs := slices.Collect(inst.TypeArgs().Types())
		for i := range f.Signature.RecvTypeParams().Len() { // none if the method is promoted
			if t := found[f.Signature.RecvTypeParams().At(i)]; t != nil {
				targs[i] = t
			}
		}
		if t, err := types.Instantiate(nil, f.Recv.Origin(), targs, true); err == nil {
			return t.(*types.Named)
		}
	}
	return nil
}

// A value is an expression, and what it is.
type value struct{ how, expr string }

// bad returns bad values of t.
func (b *body) bad(t types.Type) []value {
	if types.TypeString(t, nil) == "context.Context" {
		return []value{{"nil", "nil"}, {"done", "done()"}}
	}
	name := b.typ(t)
	if n := named(t); n != nil && n.Obj().Pkg() != nil && strings.HasPrefix(n.Obj().Pkg().Path(), exported.Module) {
		if _, isStruct := n.Underlying().(*types.Struct); isStruct {
			if _, isPointer := types.Unalias(t).(*types.Pointer); isPointer {
				return []value{{"nil", "nil"}, {"zero", "new(" + b.typ(n) + ")"}}
			}
			return append([]value{{"zero", name + "{}"}}, b.badFields(n)...)
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsUnsigned != 0:
			return []value{{"0", name + "(0)"}, {"max", fmt.Sprintf("%s(uint%s(1<<%d-1))", name, bits(u), size(u))}}
		case u.Info()&types.IsInteger != 0:
			return []value{
				{"0", name + "(0)"},
				{"-1", name + "(-1)"},
				{"max", fmt.Sprintf("%s(1<<%d-1)", name, size(u)-1)},
				{"min", fmt.Sprintf("%s(-1<<%d)", name, size(u)-1)},
			}
		case u.Info()&types.IsFloat != 0:
			b.imports["math"] = "math"
			return []value{{"0", name + "(0)"}, {"-1", name + "(-1)"}, {"NaN", name + "(math.NaN())"}, {"Inf", name + "(math.Inf(1))"}}
		case u.Info()&types.IsString != 0:
			b.imports["strings"] = "strings"
			return []value{{"empty", name + `("")`}, {"long", name + `(strings.Repeat("x", 1<<16))`}}
		}
	case *types.Slice:
		return []value{{"nil", "nil"}, {"of zero", name + "{" + b.zero(u.Elem()) + "}"}}
	case *types.Pointer, *types.Map, *types.Chan, *types.Signature, *types.Interface:
		return []value{{"nil", "nil"}}
	}
	return nil
}

// size returns the bits of a number.
func size(u *types.Basic) int { return int(8 * types.SizesFor("gc", runtime.GOARCH).Sizeof(u)) }

func bits(u *types.Basic) string {
	if u.Kind() == types.Uint {
		return ""
	}
	return strconv.Itoa(size(u))
}

// badFields returns structs that are good but for one exported field.
func (b *body) badFields(n *types.Named) (all []value) {
	good, ok := b.recipe("", n)
	if !ok {
		good = b.typ(n) + "{}"
	}
	for f := range n.Underlying().(*types.Struct).Fields() {
		if !f.Exported() || named(f.Type()) != nil && named(f.Type()).Obj().Pkg() == n.Obj().Pkg() && !types.IsInterface(f.Type()) {
			continue
		}
		for _, v := range b.bad(f.Type()) {
			all = append(all, value{f.Name() + " " + v.how, fmt.Sprintf("func() %s { o := %s; o.%s = %s; return o }()", b.typ(n), good, f.Name(), v.expr)})
		}
	}
	return all
}

func (b *body) zero(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsBoolean != 0:
			return "false"
		}
		return "0"
	case *types.Struct, *types.Array:
		return b.typ(t) + "{}"
	}
	return "nil"
}

// recipe returns what recipes has for n, or for a pointer to it.
func (b *body) recipe(star string, n *types.Named) (string, bool) {
	r, ok := recipes[star+n.Obj().Pkg().Name()+"."+n.Obj().Name()]
	for i, t := range slices.Collect(n.TypeArgs().Types()) {
		r = strings.ReplaceAll(r, fmt.Sprintf("$%d", i+1), b.typ(t))
	}
	if ok {
		b.imports[n.Obj().Pkg().Path()] = n.Obj().Pkg().Name()
		b.mention(r)
	}
	return r, ok
}

// ends reports whether f ends its receiver.
func ends(f exported.Func) bool {
	doc := f.Doc()
	r := f.Signature.Recv().Name()
	return strings.Contains(doc, "//ferrous:release\n") || strings.Contains(doc, "//ferrous:takes "+r+"\n") || strings.Contains(doc, "//ferrous:transfers "+r+"\n")
}

// cases returns the calls of f.
func (g *generator) cases(f exported.Func) (all []one) {
	if f.Recv != nil && types.IsInterface(f.Recv) {
		return nil
	}
	g.turn++ // so that each type is an argument of some functions
	g.given = slices.Concat(g.types[g.turn%3:3], g.types[:g.turn%3], g.types[3:])
	add := func(how string, state func(b *body) (c *callee), bad int, with func(b *body, t types.Type) []value) {
		for i := 0; ; i++ {
			b := &body{generator: g}
			c := state(b)
			if c == nil {
				all = append(all, one{f, how, ""})
				return
			}
			var args []string
			params := list(c.signature.Params())
			if f.Name() == "Format" && f.Recv != nil {
				params = nil // fmt calls it
			}
			what := how
			for p, t := range params {
				spread := c.signature.Variadic() && p == len(params)-1
				arg := ""
				if p == bad {
					values := with(b, t)
					if i >= len(values) {
						return
					}
					arg, what = values[i].expr, fmt.Sprintf("%s, argument %d %s", how, p+1, values[i].how)
					if arg == "nil" {
						arg = "(" + b.typ(t) + ")(nil)"
					}
				} else if arg = b.good(t); arg == "" {
					all = append(all, one{f, what, ""})
					return
				}
				if spread {
					arg += "..."
				}
				args = append(args, arg)
			}
			b.add("ready()")
			b.call(f, c, args)
			all = append(all, one{f, what, strings.Join(b.lines, "\n")})
			if bad < 0 {
				return
			}
		}
	}
	none := func(*body, types.Type) []value { return nil }
	good := func(b *body) *callee { return b.callee(f, map[*types.TypeParam]types.Type{}) }
	add("all good", good, -1, none)
	for i := range f.Signature.Params().Len() {
		if f.Recv != nil && (f.Name() == "Format" || f.Name() == "Diagram") {
			break // fmt and package diagram call it
		}
		add("good", good, i, func(b *body, t types.Type) []value {
			values := b.bad(t)
			n := named(t)
			if _, isPointer := types.Unalias(t).(*types.Pointer); isPointer && i == 0 && f.Recv == nil && n != nil && n.Obj().Pkg() == f.Pkg.Types {
				return values[1:] // nil is left to the runtime, as for a receiver
			}
			return values
		})
	}
	if f.Recv == nil {
		return all
	}
	add("zero receiver", func(b *body) *callee {
		recv := b.instance(f, nil)
		v := b.fresh()
		b.add("%s := new(%s)", v, b.typ(recv))
		return b.method(v, recv, f.Name())
	}, -1, none)
	for _, end := range f.Pkg.Funcs() {
		if end.Recv != f.Recv || !ends(end) {
			continue
		}
		add("after "+end.Name(), func(b *body) *callee {
			recv := b.instance(f, nil)
			v := b.good(types.NewPointer(recv))
			if v == "" {
				return nil
			}
			name := b.fresh()
			b.add("%s := %s", name, v)
			c := b.method(name, recv, end.Name())
			var args []string
			for _, p := range list(c.signature.Params()) {
				args = append(args, b.good(p))
			}
			b.add("%s(%s)", c.expr, strings.Join(args, ", "))
			return b.method(name, recv, f.Name())
		}, -1, none)
	}
	return all
}

// call calls c and looks at what it returns.
func (b *body) call(f exported.Func, c *callee, args []string) {
	if f.Name() == "Format" && f.Recv != nil {
		b.add("return printed(%s)", strings.TrimSuffix(c.expr, ".Format"))
		return
	}
	results := list(c.signature.Results())
	var names, after []string
	err := "nil"
	for i, r := range results {
		name := fmt.Sprintf("r%d", i)
		names, after = append(names, name), append(after, "_ = "+name)
		n := named(r)
		switch u := r.Underlying().(type) {
		case *types.Signature:
			if yield, ok := isIterator(u); ok {
				vars := []string{"range "}
				switch yield {
				case 1:
					vars = []string{"_ = range "}
				case 2:
					vars = []string{"_, _ = range "}
				}
				after = append(after, fmt.Sprintf("{ n := 0; for %s%s { if n++; n > 3 { break } } }", vars[0], name))
			} else if !u.Variadic() {
				inner := &body{generator: b.generator, n: 1000}
				var args []string
				for _, p := range list(u.Params()) {
					args = append(args, inner.good(p))
				}
				inner.add("%s(%s)", name, strings.Join(args, ", "))
				after = append(after, "if "+name+" != nil { "+strings.Join(inner.lines, "; ")+" }")
			}
		case *types.Struct:
			if n != nil && n.Obj().Name() == "Stream" {
				after = append(after, fmt.Sprintf("{ n := 0; for _, err := range %s.All(soon()) { if n++; n > 3 || err != nil { break } } }", name))
			}
		}
		if n != nil && n.Obj().Pkg() == f.Pkg.Types && !types.IsInterface(n) {
			if m := types.NewMethodSet(r).Lookup(f.Pkg.Types, "Close"); m != nil && m.Type().(*types.Signature).Params().Len() == 0 {
				closing := name + ".Close()"
				if _, isPointer := r.(*types.Pointer); isPointer {
					closing = "if " + name + " != nil { " + closing + " }"
				}
				after = append(after, closing)
			}
		}
		if isError(r) && i == len(results)-1 {
			err = name
		}
	}
	if len(names) > 0 {
		b.add("%s := %s(%s)", strings.Join(names, ", "), c.expr, strings.Join(args, ", "))
	} else {
		b.add("%s(%s)", c.expr, strings.Join(args, ", "))
	}
	b.lines = append(b.lines, after...)
	b.add("return %s", err)
}

// isIterator reports whether u is an iterator and how many values it yields.
func isIterator(u *types.Signature) (values int, is bool) {
	if u.Params().Len() != 1 || u.Results().Len() != 0 {
		return 0, false
	}
	yield, ok := u.Params().At(0).Type().Underlying().(*types.Signature)
	if !ok || yield.Results().Len() != 1 {
		return 0, false
	}
	return yield.Params().Len(), true
}

// program returns the source of the program, in several files.
func (g *generator) program(cases []one) map[string]string {
	files := map[string]string{}
	var vars []string
	for _, p := range g.packages {
		var b strings.Builder
		n := 0
		for _, c := range cases {
			if c.fn.Pkg == p {
				n++
				fmt.Fprintf(&b, "\t// %s: %s\n\tfunc(ready func()) error {\n%s\n},\n", c.fn, c.how, c.code)
			}
		}
		if n == 0 {
			continue
		}
		v := "of" + strings.ReplaceAll(p.Name, "/", "_")
		vars = append(vars, v)
		var imports strings.Builder
		for path, name := range g.imports {
			if regexp.MustCompile(`(?m)^[^/]*\b` + name + `\.`).MatchString(b.String()) {
				fmt.Fprintf(&imports, "\t%q\n", path)
			}
		}
		files[v+".go"] = fmt.Sprintf("package main\n\nimport (\n%s\t\"github.com/coderrange/ferrous/internal/testkit/misuse/run\"\n)\n\nvar %s = []run.Call{\n%s}\n", imports.String(), v, b.String())
	}
	var waits []string
	for _, p := range g.packages {
		for _, c := range cases {
			if c.fn.Pkg == p {
				waits = append(waits, strconv.FormatBool(mayWait(c.fn)))
			}
		}
	}
	files["main.go"] = mainFile
	files["calls.go"] = fmt.Sprintf(`package main

import "slices"

var calls = slices.Concat(%s)

var waits = []bool{%s}
`, strings.Join(vars, ", "), strings.Join(waits, ", "))
	return files
}

// mayWait reports whether f may wait for ever for another goroutine.
func mayWait(f exported.Func) bool {
	return strings.Contains(f.Doc(), "//ferrous:blocks\n") && !slices.ContainsFunc(list(f.Signature.Params()), func(t types.Type) bool {
		return types.TypeString(t, nil) == "context.Context"
	})
}

package api

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/coderrange/ferrous/internal/testkit/exported"
)

// each calls f for each exported function and method of p, and returns those for which
// f returns a text.
func each(p *exported.Package, f func(f exported.Func) string) (faults []fault) {
	for _, fn := range p.Funcs() {
		if what := f(fn); what != "" {
			faults = append(faults, fault{fn.String(), what})
		}
	}
	return faults
}

// named returns the named type that t is, or to which t points.
func named(t types.Type) *types.Named {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n, _ := types.Unalias(t).(*types.Named)
	return n
}

// typeName returns the name of the type that t is, or to which t points.
func typeName(t types.Type) string {
	if n := named(t); n != nil {
		return n.Obj().Name()
	}
	return ""
}

func list(t *types.Tuple) (all []types.Type) {
	for v := range t.Variables() {
		all = append(all, v.Type())
	}
	return all
}

func isContext(t types.Type) bool { return types.TypeString(t, nil) == "context.Context" }
func isError(t types.Type) bool   { return types.Identical(t, types.Universe.Lookup("error").Type()) }
func isBool(t types.Type) bool    { return types.Identical(t, types.Typ[types.Bool]) }

func last(all []types.Type) types.Type {
	if len(all) == 0 {
		return types.Typ[types.Invalid]
	}
	return all[len(all)-1]
}

func isParam(t types.Type) bool { _, ok := t.(*types.TypeParam); return ok }

// pointsToParam reports whether t is *T of a type parameter T.
func pointsToParam(t types.Type) bool {
	p, ok := t.(*types.Pointer)
	return ok && isParam(p.Elem())
}

// isUpdate reports whether t is func(*T), and whether it returns an error.
func isUpdate(t types.Type) (is, fails bool) {
	f, ok := t.Underlying().(*types.Signature)
	if !ok || f.Params().Len() != 1 || !pointsToParam(f.Params().At(0).Type()) {
		return false, false
	}
	r := list(f.Results())
	return len(r) == 0 || len(r) == 1 && isError(r[0]), len(r) == 1
}

// variants may stand behind the name of a type in the name of its constructor.
var variants = []string{"", "Drop", "Cyclic"}

func constructorsAreNamedAfterTheirType(p *exported.Package) []fault {
	return each(p, func(f exported.Func) string {
		rest, isNew := strings.CutPrefix(f.Name(), "New")
		if !isNew || f.Recv != nil {
			return ""
		}
		results := list(f.Signature.Results())
		var made []string
		for _, r := range results {
			made = append(made, typeName(r))
		}
		for _, variant := range variants {
			name, ok := strings.CutSuffix(rest, variant)
			if !ok {
				continue
			}
			if name == "" && strings.EqualFold(made[0], p.Name) || name != "" && made[0] == name {
				return ""
			}
			if len(made) == 2 && made[0] == name+"Sender" && made[1] == name+"Receiver" {
				return "" // the two ends of a channel
			}
		}
		return fmt.Sprintf("makes %v", made)
	})
}

func settingsAreOptions(p *exported.Package) []fault {
	faults := each(p, func(f exported.Func) string {
		rest, isNew := strings.CutPrefix(f.Name(), "New")
		if !isNew || f.Recv != nil {
			return ""
		}
		numbers := 0
		for _, t := range list(f.Signature.Params()) {
			if b, ok := t.Underlying().(*types.Basic); ok {
				numbers++
				if b.Info()&types.IsBoolean != 0 || numbers > 1 {
					return "takes more settings than one number"
				}
			}
			if _, ok := t.Underlying().(*types.Struct); ok && !isContext(t) && named(t) != nil && named(t).Obj().Pkg() == p.Types {
				if name := typeName(t); name != rest+"Options" && name != typeName(f.Signature.Results().At(0).Type()) {
					return "takes its settings as " + name
				}
			}
		}
		return ""
	})
	for _, o := range p.Objects() {
		if _, ok := o.(*types.TypeName); !ok {
			continue
		}
		for _, word := range []string{"Config", "Settings", "Params", "Opts"} {
			if strings.HasSuffix(o.Name(), word) {
				faults = append(faults, fault{p.Name + "." + o.Name(), "is not called Options"})
			}
		}
		if of, ok := strings.CutSuffix(o.Name(), "Options"); ok && of != "" {
			if !slices.ContainsFunc(p.Objects(), func(other types.Object) bool { return other != o && strings.HasPrefix(other.Name(), of) }) {
				faults = append(faults, fault{p.Name + "." + o.Name(), "is not of anything"})
			}
		}
	}
	return faults
}

func constructorsReturnNoError(p *exported.Package) []fault {
	return each(p, func(f exported.Func) string {
		if f.Recv == nil && strings.HasPrefix(f.Name(), "New") && isError(last(list(f.Signature.Results()))) {
			return "returns an error"
		}
		return ""
	})
}

func getCopiesAndPtrPoints(p *exported.Package) []fault {
	return each(p, func(f exported.Func) string {
		results := list(f.Signature.Results())
		if f.Recv == nil || len(results) == 0 {
			return ""
		}
		switch points := pointsToParam(results[0]); {
		case f.Name() == "Get" && points:
			return "returns a pointer"
		case f.Name() == "Ptr" && !points:
			return "returns no pointer"
		case f.Name() == "Load":
			return "is not called Get"
		case points && !strings.HasSuffix(f.Name(), "Ptr"):
			return "returns a pointer to the value and is not called Ptr"
		}
		return ""
	})
}

// withForms are the forms of With and RWith: which one stands beside them, whether
// they take a context, and whether their function returns an error.
var withForms = map[string]struct {
	base       string
	ctx, fails bool
}{
	"With": {"WithErr", false, false}, "WithErr": {"With", false, true},
	"WithContext": {"With", true, true}, "TryWith": {"With", false, true},
	"RWith": {"RWithErr", false, false}, "RWithErr": {"RWith", false, true},
	"RWithContext": {"RWith", true, true}, "TryRWith": {"RWith", false, true},
}

func withIsExclusive(p *exported.Package) []fault {
	names := funcNames(p)
	return each(p, func(f exported.Func) string {
		if f.Recv == nil {
			return ""
		}
		params, results := list(f.Signature.Params()), list(f.Signature.Results())
		takes, fails := isUpdate(last(params))
		form, known := withForms[f.Name()]
		switch {
		case known && (!takes || fails != form.fails || fails != (len(results) == 1 && isError(results[0])) || form.ctx != (len(params) == 2)):
			return "is not " + f.Name() + "(func(*T)) or its form with an error"
		case known && !names[strings.TrimSuffix(f.String(), f.Name())+form.base]:
			return "has no " + form.base + " beside it"
		case !known && takes && strings.HasPrefix(f.Name(), "With"), namesAPart(f.Name()) && typeName(last(results)) != f.Recv.Obj().Name():
			return "is neither With(func(*T)) nor returns its receiver"
		}
		return ""
	})
}

// namesAPart reports whether name is With and a noun, as WithName is.
func namesAPart(name string) bool {
	noun, ok := strings.CutPrefix(name, "With")
	return ok && withForms[name].base == "" && token.IsExported(noun)
}

func tryDoesNotWait(p *exported.Package) []fault {
	return each(p, func(f exported.Func) string {
		if !strings.HasPrefix(f.Name(), "Try") {
			return ""
		}
		params, results := list(f.Signature.Params()), list(f.Signature.Results())
		switch {
		case slices.ContainsFunc(params, isContext):
			return "takes a context"
		case !isError(last(results)) && !isBool(last(results)):
			return "does not say whether it did"
		}
		return ""
	})
}

// funcNames returns the names of all functions and methods.
func funcNames(p *exported.Package) map[string]bool {
	names := map[string]bool{}
	for _, f := range p.Funcs() {
		names[f.String()] = true
	}
	return names
}

func contextsComeFirst(p *exported.Package) []fault {
	names := funcNames(p)
	return each(p, func(f exported.Func) string {
		i := slices.IndexFunc(list(f.Signature.Params()), isContext)
		base, says := strings.CutSuffix(f.String(), "Context")
		switch {
		case i > 0:
			return "takes its context late"
		case i < 0 && p.Name != "arcmutex" && !mayWaitWithoutContext[f.Name()] && strings.Contains(f.Doc(), "//ferrous:blocks\n"):
			return "may wait and takes no context"
		case i < 0:
			return ""
		case p.Name == "arcmutex" && !says:
			return "takes a context and is not called Context"
		case p.Name != "arcmutex" && says:
			return "is called Context"
		case says && !names[base]:
			return "has no form without a context"
		}
		return ""
	})
}

// mayWaitWithoutContext are the ends that wait for what they end.
var mayWaitWithoutContext = map[string]bool{"Close": true, "Drop": true, "Release": true}

// notEnds are names that other libraries have for the ends of rule 8.
var notEnds = []string{"AbortAll", "Destroy", "Dispose", "End", "Exit", "Finish", "Free", "Halt", "Kill", "Stop", "Terminate"}

func endsAreNamedAlike(p *exported.Package) []fault {
	names := funcNames(p)
	return each(p, func(f exported.Func) string {
		if f.Recv == nil {
			return ""
		}
		params, results := list(f.Signature.Params()), list(f.Signature.Results())
		siblings := func(methods ...string) string {
			for _, m := range methods {
				if !names[p.Name+"."+f.Recv.Obj().Name()+"."+m] {
					return "has no " + m + " beside it"
				}
			}
			return ""
		}
		switch name := f.Name(); {
		case slices.Contains(notEnds, name) && (len(results) == 0 || isError(results[0])):
			return "is none of Drop, Release, Unlock, Close, Shutdown, Abort"
		case (name == "Drop" || name == "Release" || name == "Unlock") && len(params)+len(results) > 0,
			name == "Close" && (len(params) > 0 || len(results) > 1 || len(results) == 1 && !isError(results[0])):
			return "ends its receiver with parameters or results"
		case name == "Abort" && (len(params) != 1 || !isError(params[0]) || len(results) > 0):
			return "is not Abort(cause error)"
		case name == "Shutdown" && (len(params) != 1 || !isContext(params[0]) || len(results) != 1 || !isError(results[0])):
			return "is not Shutdown(ctx) error"
		case name == "Shutdown":
			return siblings("Close", "Abort", "Wait")
		}
		return ""
	})
}

// yields returns the types that an iterator yields, or nothing if t is none.
func yields(t types.Type) []types.Type {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil || n.Obj().Pkg().Path() != "iter" {
		return nil
	}
	return slices.Collect(n.TypeArgs().Types())
}

func iteratorsWithAContextYieldErrors(p *exported.Package) []fault {
	count := map[*types.Named]int{}
	iterates := func(f exported.Func) (types []types.Type, is bool) {
		params := list(f.Signature.Params())
		types = yields(last(list(f.Signature.Results())))
		return types, len(params) > 0 && isContext(params[0]) && len(types) > 0
	}
	for _, f := range p.Funcs() {
		if _, is := iterates(f); is {
			count[f.Recv]++
		}
	}
	return each(p, func(f exported.Func) string {
		switch yielded, is := iterates(f); {
		case !is:
			return ""
		case len(yielded) != 2 || !isError(yielded[1]):
			return "takes a context and yields no error"
		case count[f.Recv] == 1 && f.Name() != "All":
			return "is the only iterator and is not called All"
		}
		return ""
	})
}

func errorAloneHasAForm(p *exported.Package) []fault {
	names := funcNames(p)
	return each(p, func(f exported.Func) string {
		for _, t := range list(f.Signature.Params()) {
			if s, ok := t.(*types.Slice); ok && f.Signature.Variadic() {
				t = s.Elem()
			}
			fn, ok := t.Underlying().(*types.Signature)
			if !ok {
				continue
			}
			params, results := list(fn.Params()), list(fn.Results())
			if len(params) == 1 && isContext(params[0]) && len(results) == 2 && isParam(results[0]) && isError(results[1]) && !names[f.String()+"Err"] && !ownerHas(names, f) {
				return "has no form for an error alone"
			}
		}
		return ""
	})
}

// ownerHas reports whether a parameter of f has the form for an error alone as a method,
// which it can be, since it needs no type parameter (rule 16).
func ownerHas(names map[string]bool, f exported.Func) bool {
	for _, t := range list(f.Signature.Params()) {
		if owner := typeName(t); owner != "" && names[f.Pkg.Name+"."+owner+"."+f.Name()+"Err"] {
			return true
		}
	}
	return false
}

// isNumber reports whether t is a named number, as an enumeration is.
func isNumber(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && named(t) != nil && b.Info()&types.IsInteger != 0
}

func typesPrint(p *exported.Package) (faults []fault) {
	for _, o := range p.Objects() {
		n, _ := types.Unalias(o.Type()).(*types.Named)
		if _, isType := o.(*types.TypeName); !isType || n == nil || n.Obj() != o {
			continue
		}
		has := map[string]bool{}
		for m := range exported.Methods(n) {
			has[m.Name()] = true
		}
		var wants []string
		switch u := n.Underlying().(type) {
		case *types.Basic:
			if isNumber(n) {
				wants = []string{"String"}
			}
		case *types.Struct:
			hidden := 0
			for f := range u.Fields() {
				if !f.Exported() {
					hidden++
				}
			}
			switch {
			case hidden == 0 || has["Error"]: // it prints as it is
			case has["Format"], n.TypeParams().Len() > 0 && (has["Get"] || has["Ptr"]):
				wants = []string{"Format", "LogValue"}
			default:
				wants = []string{"String", "GoString", "LogValue"}
			}
		}
		for _, m := range wants {
			if !has[m] {
				faults = append(faults, fault{p.Name + "." + o.Name(), "has no " + m})
			}
		}
	}
	return faults
}

func errorsHaveThePrefix(p *exported.Package) (faults []fault) {
	add := func(name, what string) { faults = append(faults, fault{p.Name + "." + name, what}) }
	for _, file := range p.Files {
		for _, d := range file.Decls {
			d, ok := d.(*ast.GenDecl)
			if !ok || d.Tok != token.VAR {
				continue
			}
			for _, s := range d.Specs {
				s := s.(*ast.ValueSpec)
				for i, id := range s.Names {
					if id.IsExported() && isError(p.Info.Defs[id].Type()) && i < len(s.Values) {
						if !strings.HasPrefix(id.Name, "Err") {
							add(id.Name, "is an error and does not begin with Err")
						}
						if text := firstText(s.Values[i]); !strings.HasPrefix(text, p.Name+": ") && !strings.HasPrefix(text, "%w") {
							add(id.Name, "does not begin with "+p.Name+": but with "+text)
						}
					}
				}
			}
		}
	}
	for _, o := range p.Objects() {
		n := named(o.Type())
		if _, isType := o.(*types.TypeName); !isType || n == nil || types.IsInterface(n) {
			continue
		}
		of := map[string]*types.Func{}
		for m := range exported.Methods(n) {
			of[m.Name()] = m
		}
		_, isStruct := n.Underlying().(*types.Struct)
		switch m := of["Error"]; {
		case m == nil || m.Signature().Params().Len() > 0:
		case !isStruct || !strings.HasSuffix(o.Name(), "Error"):
			add(o.Name(), "is an error and no struct XError")
		case types.NewMethodSet(n).Lookup(p.Types, "Error") != nil:
			add(o.Name(), "is an error without a pointer")
		case of["Unwrap"] == nil && of["Is"] == nil:
			add(o.Name(), "unwraps to no ErrX")
		}
	}
	return faults
}

// constantsHaveThePrefix: the short name of an enumeration is its name without Kind
// or State.
func constantsHaveThePrefix(p *exported.Package) (faults []fault) {
	of := map[*types.Named][]string{}
	for _, o := range p.Objects() {
		if c, ok := o.(*types.Const); ok && isNumber(c.Type()) && named(c.Type()).Obj().Pkg() == p.Types && c.Val().Kind() == constant.Int {
			of[named(c.Type())] = append(of[named(c.Type())], o.Name())
		}
	}
	if len(of) < 2 {
		return nil
	}
	for n, names := range of {
		short := strings.TrimSuffix(strings.TrimSuffix(n.Obj().Name(), "Kind"), "State")
		for _, name := range names {
			if short == "" || !strings.HasPrefix(name, short) {
				faults = append(faults, fault{p.Name + "." + name, "does not begin with the name of " + n.Obj().Name()})
			}
		}
	}
	return faults
}

// nothingIsInternal looks at aliases, signatures and fields.
func nothingIsInternal(p *exported.Package) (faults []fault) {
	check := func(name string, t types.Type) {
		if strings.Contains(types.TypeString(t, nil), "/internal/") {
			faults = append(faults, fault{name, "is " + types.TypeString(t, nil)})
		}
	}
	for _, f := range p.Funcs() {
		check(f.String(), f.Signature)
	}
	for _, o := range p.Objects() {
		if t, ok := o.(*types.TypeName); ok {
			if t.IsAlias() {
				check(p.Name+"."+o.Name(), types.Unalias(o.Type()))
			}
			if s, ok := o.Type().Underlying().(*types.Struct); ok {
				for f := range s.Fields() {
					if f.Exported() {
						check(p.Name+"."+o.Name()+"."+f.Name(), f.Type())
					}
				}
			}
			continue
		}
		check(p.Name+"."+o.Name(), o.Type())
	}
	return faults
}

func whatBelongsToAHandleIsAMethod(p *exported.Package) []fault {
	return each(p, func(f exported.Func) string {
		params := list(f.Signature.Params())
		if f.Recv != nil || len(params) == 0 {
			return ""
		}
		n := named(params[0])
		if n == nil || n.Obj().Pkg() != p.Types || !n.Obj().Exported() || types.IsInterface(n) || f.Signature.TypeParams().Len() != n.TypeParams().Len() {
			return ""
		}
		if _, isStruct := n.Underlying().(*types.Struct); !isStruct || strings.HasSuffix(n.Obj().Name(), "Options") || strings.HasPrefix(f.Name(), "New") {
			return ""
		}
		for i := range n.TypeParams().Len() {
			// A method cannot ask more of T than its type does.
			if !isParam(n.TypeArgs().At(i)) || !types.Identical(n.Origin().TypeParams().At(i).Constraint(), f.Signature.TypeParams().At(i).Constraint()) {
				return ""
			}
		}
		return "is no method of its first parameter"
	})
}

// firstText returns the first text in e.
func firstText(e ast.Expr) (text string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING && text == "" {
			text = constant.StringVal(constant.MakeFromLiteral(l.Value, token.STRING, 0))
		}
		return text == ""
	})
	return text
}

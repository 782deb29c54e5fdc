// Package show prints wrappers as Rust does: Display is the value alone, Debug
// has the wrapper's name and state around it.
package show

import (
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"reflect"
)

// Debug reports whether the verb asks for the state too: %+v or %#v.
func Debug(s fmt.State, verb rune) bool {
	return verb == 'v' && (s.Flag('+') || s.Flag('#'))
}

// Value prints *p as the format asks for, and with %+v and %#v as name(*p state), or
// name(*p) without a state.
func Value[T any](s fmt.State, verb rune, name string, p *T, state string) {
	v, format := Printed(s, verb, p), fmt.FormatString(s, verb)
	if Debug(s, verb) {
		if state != "" {
			state = " " + state
		}
		_, _ = fmt.Fprintf(s, "%s("+format+"%s)", name, v, state)
		return
	}
	_, _ = fmt.Fprintf(s, format, v)
}

// Printed returns what is to be printed for *p: p if fmt calls a method of it that *p does
// not have, else *p. A value with such a method is not copied: it may be a lock.
func Printed[T any](f fmt.State, verb rune, p *T) any {
	if m := Methods(p); printsItself(f, verb, m) {
		return m
	}
	return *p
}

// Methods returns *p, or a pointer to it if that has more methods.
func Methods[T any](p *T) any {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Interface {
		if reflect.PointerTo(t).NumMethod() > t.NumMethod() {
			return p
		}
		return *p
	}
	v := reflect.ValueOf(p).Elem().Elem()
	if v.IsValid() && reflect.PointerTo(v.Type()).NumMethod() > v.NumMethod() {
		c := reflect.New(v.Type())
		c.Elem().Set(v)
		return c.Interface()
	}
	return *p
}

// printsItself says whether fmt calls a method of v for the verb.
func printsItself(f fmt.State, verb rune, v any) bool {
	if is[fmt.Formatter](v) {
		return true
	}
	switch verb {
	case 'v':
		if f.Flag('#') {
			return is[fmt.GoStringer](v)
		}
	case 's', 'q', 'x', 'X':
	default:
		return false
	}
	return is[error](v) || is[fmt.Stringer](v)
}

func is[I any](v any) bool {
	_, ok := v.(I)
	return ok
}

// Log returns how *p is logged. The result does not refer to *p, which may change later:
// if only p has the methods that log or print it, they are called now.
func Log[T any](p *T) slog.Value {
	m := Methods(p)
	if _, own := m.(*T); !own {
		return slog.AnyValue(*p)
	}
	switch m := m.(type) {
	case slog.LogValuer:
		return slog.AnyValue(m).Resolve()
	case error:
		return slog.StringValue(m.Error())
	case encoding.TextMarshaler:
		if text, err := m.MarshalText(); err == nil {
			return slog.StringValue(string(text))
		}
	case fmt.Formatter, fmt.Stringer:
		return slog.StringValue(fmt.Sprintf("%+v", m))
	}
	return slog.AnyValue(*p)
}

// Text prints what stands for a value that cannot be shown, in the same way.
func Text(s fmt.State, verb rune, name, text, state string) {
	if Debug(s, verb) {
		v := plain(text)
		Value(s, 'v', name, &v, state)
		return
	}
	_, _ = io.WriteString(s, text)
}

// plain prints without quotes whatever the flags.
type plain string

func (p plain) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, string(p)) }

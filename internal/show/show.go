// Package show prints wrappers as Rust does: Display is the value alone, Debug
// has the wrapper's name and state around it.
package show

import (
	"fmt"
	"io"
)

// Debug reports whether the verb asks for the state too: %+v or %#v.
func Debug(s fmt.State, verb rune) bool {
	return verb == 'v' && (s.Flag('+') || s.Flag('#'))
}

// Value prints v as the format asks for, and with %+v and %#v as name(v state),
// or name(v) without a state.
func Value(s fmt.State, verb rune, name string, v any, state string) {
	format := fmt.FormatString(s, verb)
	if Debug(s, verb) {
		if state != "" {
			state = " " + state
		}
		_, _ = fmt.Fprintf(s, "%s("+format+"%s)", name, v, state)
		return
	}
	_, _ = fmt.Fprintf(s, format, v)
}

// Text prints what stands for a value that cannot be shown, in the same way.
func Text(s fmt.State, verb rune, name, text, state string) {
	if Debug(s, verb) {
		Value(s, 'v', name, plain(text), state)
		return
	}
	_, _ = io.WriteString(s, text)
}

// plain prints without quotes whatever the flags.
type plain string

func (p plain) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, string(p)) }

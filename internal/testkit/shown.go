package testkit

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/stretchr/testify/assert"
)

// A Shown is a value that every printer shows by its state.
type Shown interface {
	fmt.Stringer
	fmt.GoStringer
	slog.LogValuer
}

// ShownAs checks that a value shows its state, and to all printers the same: its
// String is the first line of want, and what its Diagram draws, if it has one, is the
// other lines.
func ShownAs(t assert.TestingT, want string, v Shown) {
	lines := []string{v.String()}
	if d, ok := v.(interface {
		Diagram(draw func(name, state string, part any))
	}); ok {
		d.Diagram(func(name, state string, part any) {
			line := name + " " + state
			if part != nil {
				line += fmt.Sprintf(" → %T", part)
			}
			lines = append(lines, line)
		})
	}
	assert.Equal(t, want, strings.Join(lines, "\n"))
	for _, same := range []string{
		fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), v.GoString(), fmt.Sprintf("%#v", v), v.LogValue().String(),
	} {
		assert.Equal(t, v.String(), same)
	}
}

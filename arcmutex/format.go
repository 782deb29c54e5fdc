package arcmutex

import (
	"fmt"

	"github.com/coderrange/ferrous/internal/show"
)

// formatLock prints the value if the lock can be taken for reading without waiting.
func formatLock[T any](s fmt.State, verb rune, name string, value *T, l *lock) {
	if !l.try(sharing) {
		show.Text(s, verb, name, "<locked>", poisonText(l))
		return
	}
	h, refused := l.opened(sharing, name+".Format", 3)
	defer h.leave(sharing, losses[sharing])
	if refused == ErrTaken { //nolint:errorlint // it is not wrapped
		show.Text(s, verb, name, "<taken>", "")
		return
	}
	show.Value(s, verb, name, value, poisonText(l))
}

func poisonText(l *lock) string {
	if l.state.Load()&poisoned != 0 {
		return "poisoned"
	}
	return ""
}

// formatGuard prints the value if the guard is valid.
func formatGuard[T any](s fmt.State, verb rune, name string, value *T, h hold, m mode) {
	if h.lock == nil || !h.lock.real().holds(m, h.key) {
		show.Text(s, verb, name, "<unlocked>", "")
		return
	}
	show.Value(s, verb, name, value, "")
}

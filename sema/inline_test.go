//go:build amd64 || arm64

package sema_test

import (
	"testing"

	"github.com/coderrange/ferrous/internal/testkit"
)

// What begins a permit must be inlined for it to stay on the stack.
func TestBeginningsOfPermitsAreInlined(t *testing.T) {
	testkit.Inlined(t, "(*Semaphore).Acquire", "(*Semaphore).TryAcquire", "Permit.Split")
}

//go:build amd64 || arm64

package arcmutex_test

import (
	"testing"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestFastPathsAreInlined(t *testing.T) {
	testkit.Inlined(t, "(*lock).fastLock", "(*lock).fastUnlock", "(*hold).Unlock",
		"RGuard[…].Unlock", "RGuard[…].Ptr", "RGuard[…].Get", "UGuard[…].Unlock")
}

// What begins a guard that does not hold alone must be inlined for it to stay on
// the stack.
func TestBeginningsOfSharedHoldsAreInlined(t *testing.T) {
	testkit.Inlined(t, "(*RWMutex[…]).RLock", "(*RWMutex[…]).RLockContext", "(*RWMutex[…]).TryRLock",
		"(*RWMutex[…]).ULock", "(*RWMutex[…]).ULockContext", "(*RWMutex[…]).TryULock",
		"(*Guard[…]).Downgrade")
}

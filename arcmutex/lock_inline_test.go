//go:build amd64 || arm64

package arcmutex_test

import (
	"testing"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestFastPathsAreInlined(t *testing.T) {
	testkit.Inlined(t, "(*lock).fastLock", "(*lock).fastUnlock", "(*hold).Unlock", "(*RGuard[…]).Unlock", "(*RGuard[…]).Ptr", "(*RWMutex[…]).RLock", "(*Semaphore).Acquire")
}

package checked

import (
	"path/filepath"
	"testing"

	"github.com/coderrange/ferrous/internal/testkit"
)

// Build builds the program of the package that is tested, and returns its path.
func Build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "program.exe") // a name that every system runs
	if out, err := testkit.Command(t, "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

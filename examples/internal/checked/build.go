package checked

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Build builds the program of the package that is tested, and returns its path.
func Build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "program.exe") // a name that every system runs
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

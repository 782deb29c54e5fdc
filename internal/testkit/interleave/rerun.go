package interleave

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Rewritten says whether this test binary was built by [Rerun].
func Rewritten() bool { return os.Getenv("FERROUS_INTERLEAVE") != "" }

// Rerun runs the tests of the package in the current directory whose names match
// once more, with this package in place of sync/atomic in the named files. They
// call [Explore], and must be there and pass.
func Rerun(t *testing.T, tests string, files ...string) {
	t.Helper()
	replace := map[string]string{}
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		const std, ours = `"sync/atomic"`, `atomic "github.com/coderrange/ferrous/internal/testkit/interleave"`
		require.Equal(t, 1, strings.Count(string(text), std), "%s does not import sync/atomic", file)
		to := filepath.Join(dir, filepath.Base(file))
		require.NoError(t, os.WriteFile(to, []byte(strings.Replace(string(text), std, ours, 1)), 0o600))
		from, err := filepath.Abs(file)
		require.NoError(t, err)
		replace[from] = to
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-vet=off", "-overlay="+overlay, "-run=^"+tests+"$", ".")
	cmd.Env = append(os.Environ(), "FERROUS_INTERLEAVE=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "\n--- PASS: Test", "nothing ran")
}

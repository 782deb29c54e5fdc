package interleave

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// Rewritten says whether this test binary was built by [Rerun].
func Rewritten() bool { return os.Getenv("FERROUS_INTERLEAVE") != "" }

// Rerun runs the tests of the package in the current directory whose names match
// once more, with this package in place of sync/atomic and sync in the named files, and
// in place of runtime, time and math/rand/v2 where it has all that they use of these.
// Statements with channels become calls of this package, too. For "a.go=b.go" the file b.go
// takes the place of a.go as it is: a model of it with fewer steps. The tests call [Explore],
// and must be there and pass. With the race detector and on 32 bits it skips the test, which would
// do the same again.
func Rerun(t *testing.T, tests string, files ...string) {
	t.Helper()
	if testkit.RaceEnabled || strconv.IntSize < 64 {
		t.Skip("the interleavings are the same without the race detector on 64 bits")
	}
	replace := map[string]string{}
	dir := t.TempDir()
	for _, file := range files {
		file, model, modelled := strings.Cut(file, "=")
		text, err := os.ReadFile(cmp.Or(model, file))
		require.NoError(t, err)
		if !modelled {
			var changed bool
			text, changed, err = rewrite(file, text)
			require.NoError(t, err)
			require.True(t, changed, "%s has nothing to replace", file)
		}
		to := filepath.Join(dir, strconv.Itoa(len(replace))+filepath.Base(file))
		require.NoError(t, os.WriteFile(to, text, 0o600))
		from, err := filepath.Abs(file)
		require.NoError(t, err)
		replace[from] = to
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	cmd := testkit.Command(t, "go", "test", "-count=1", "-v", "-vet=off", "-overlay="+overlay,
		"-run=^"+tests+"$", fmt.Sprintf("-short=%t", testing.Short()), ".")
	cmd.Env = append(os.Environ(), "FERROUS_INTERLEAVE=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "\n--- PASS: Test", "nothing ran")
}

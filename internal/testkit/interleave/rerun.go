package interleave

import (
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

// imports puts this package in place of others. An import is a line of its own.
var imports = func() *strings.Replacer {
	const ours = `"github.com/coderrange/ferrous/internal/testkit/interleave"`
	return strings.NewReplacer(
		"\t"+`"sync/atomic"`+"\n", "\tatomic "+ours+"\n",
		"\t"+`"sync"`+"\n", "\tsync "+ours+"\n",
		"\t"+`"runtime"`+"\n", "\truntime "+ours+"\n",
	)
}()

// Rerun runs the tests of the package in the current directory whose names match
// once more, with this package in place of sync/atomic in the named files, and
// in place of sync and runtime where these import them: of sync they may use
// Mutex, and of runtime Gosched. The tests call [Explore], and must be there
// and pass. With the race detector and on 32 bits it skips the test, which would
// do the same again.
func Rerun(t *testing.T, tests string, files ...string) {
	t.Helper()
	if testkit.RaceEnabled || strconv.IntSize < 64 {
		t.Skip("the interleavings are the same without the race detector on 64 bits")
	}
	replace := map[string]string{}
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Regexp(t, `(?m)^\t"sync(/atomic)?"$`, string(text), "%s imports neither sync nor sync/atomic", file)
		to := filepath.Join(dir, filepath.Base(file))
		require.NoError(t, os.WriteFile(to, []byte(imports.Replace(string(text))), 0o600))
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

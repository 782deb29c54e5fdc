package api

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	canceled = regexp.MustCompile(`(?i)cancell(ed|ing|er)`)
	quoted   = regexp.MustCompile("`[^`]*`|\"[^\"]*\"") // on a page, what others have written
)

// Rule 14, for names, comments and pages. The first column of a table is what others
// call it.
func TestCanceledIsSpeltAsInPackageContext(t *testing.T) {
	require.NoError(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (slices.Contains([]string{"bin", "testdata"}, d.Name()) || len(d.Name()) > 2 && d.Name()[0] == '.') {
			return fs.SkipDir
		}
		page := strings.HasSuffix(path, ".md")
		if !page && !strings.HasSuffix(path, ".go") || d.Name() == "spelling_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for i, line := range strings.Split(string(text), "\n") {
			if page {
				if row, isRow := strings.CutPrefix(line, "|"); isRow {
					_, line, _ = strings.Cut(row, "|")
				}
				line = quoted.ReplaceAllString(line, "")
			}
			assert.Empty(t, canceled.FindString(line), "%s:%d", path, i+1)
		}
		return nil
	}))
}

// Package behaviours checks the pages beside it: a test that they name exists.
package behaviours

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	declared = regexp.MustCompile(`(?m)^func (?:\(k tests\) )?((?:Test|Fuzz|Example|Benchmark)\w*)\(`)
	named    = regexp.MustCompile("`((?:Test|Fuzz|Example|Benchmark)\\w+)`")
)

// sharedTests holds the tests that several packages run.
const sharedTests = "/internal/testkit/handles/"

func TestNamedTestsExist(t *testing.T) {
	exists := map[string]bool{}
	require.NoError(t, filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		isTest := strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.ToSlash(path), sharedTests)
		if err != nil || !isTest || !strings.HasSuffix(path, ".go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, f := range declared.FindAllSubmatch(source, -1) {
			exists[string(f[1])] = true
		}
		return err
	}))
	pages, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if row, isRow := strings.CutPrefix(line, "|"); isRow {
				_, line, _ = strings.Cut(row, "|") // the first column is theirs
			}
			for _, name := range named.FindAllStringSubmatch(line, -1) {
				assert.True(t, exists[name[1]], "%s names %s, which does not exist", page, name[1])
			}
		}
	}
}

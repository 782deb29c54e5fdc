// Package behaviours checks the pages beside it: a test that they name exists in the
// package that the page is about, and the page names the version of what it follows.
package behaviours

import (
	"maps"
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
	declared = regexp.MustCompile(`(?m)^func (?:\(k tests\) )?((?:Test|Fuzz|Example|Benchmark)\w*)\(`)
	named    = regexp.MustCompile("`(?:([\\w/]+)\\.)?((?:Test|Fuzz|Example|Benchmark)\\w+)`") // with its folder, if that is another
)

// folders has, for each page, where its tests are, in a page of another name than its
// package or with tests elsewhere as well. internal/testkit/handles holds the tests
// that Rc and Arc share.
var folders = map[string][]string{
	"arc":   {"arcmutex", "internal/testkit/handles"},
	"locks": {"arcmutex"},
	"rc":    {"rc", "internal/testkit/handles"},
}

// version is a release of what a page follows.
var version = regexp.MustCompile(`\b(Rust|tokio[-a-z]*|futures|crossbeam[-a-z]*|[-a-z]*retry|backoff|failsafe-go|x/time) v?\d+\.\d+`)

// unversioned are pages that follow several suites, or documents without versions.
var unversioned = []string{"locks.md", "seatmap.md", "sema.md"}

// tests returns the names of the tests in the folder.
func tests(t *testing.T, folder string) map[string]bool {
	t.Helper()
	exists := map[string]bool{}
	files, err := filepath.Glob(filepath.Join("../..", folder, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, folder)
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") && !strings.HasPrefix(folder, "internal/testkit/") {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, f := range declared.FindAllSubmatch(source, -1) {
			exists[string(f[1])] = true
		}
	}
	return exists
}

func TestNamedTestsExistInTheirPackage(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		name := strings.TrimSuffix(page, ".md")
		in := folders[name]
		if in == nil {
			in = []string{name}
		}
		exists := map[string]bool{}
		for _, folder := range in {
			maps.Copy(exists, tests(t, folder))
		}
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		assert.NotEqual(t, slices.Contains(unversioned, page), version.Match(text), "%s names a version", page)
		for line := range strings.Lines(string(text)) {
			if row, isRow := strings.CutPrefix(line, "|"); isRow {
				_, line, _ = strings.Cut(row, "|") // the first column is theirs
			}
			for _, name := range named.FindAllStringSubmatch(line, -1) {
				if folder := name[1]; folder != "" {
					assert.True(t, tests(t, folder)[name[2]], "%s names %s, which does not exist", page, name[0])
				} else {
					assert.True(t, exists[name[2]], "%s names %s, which is not in %v", page, name[2], in)
				}
			}
		}
	}
}

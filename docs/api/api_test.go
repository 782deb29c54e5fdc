// Package api holds the exported names of the module against docs/api.md.
package api

import (
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/exported"
)

// A fault is a place where an exported name breaks a rule.
type fault struct {
	name string // package.Name or package.Type.Method
	what string
}

// A rule returns its faults in a package.
type rule func(p *exported.Package) []fault

// rules are the rules of docs/api.md, with their numbers there.
var rules = map[int]rule{
	1: constructorsAreNamedAfterTheirType, 2: settingsAreOptions, 3: constructorsReturnNoError,
	4: getCopiesAndPtrPoints, 5: withIsExclusive, 6: tryDoesNotWait, 7: contextsComeFirst, 8: endsAreNamedAlike,
	9: iteratorsWithAContextYieldErrors, 10: errorAloneHasAForm, 11: typesPrint, 12: errorsHaveThePrefix,
	13: constantsHaveThePrefix, 15: nothingIsInternal, 16: whatBelongsToAHandleIsAMethod,
}

// An exception is a name, or a pattern of names, that breaks a rule.
type exception struct {
	rule int
	name string
}

var row = regexp.MustCompile("(?m)^\\| (\\d+) \\| `([^`]+)` \\| (.+) \\|$")

// exceptions returns the table of the page.
func exceptions(t *testing.T, page string) map[exception]bool {
	t.Helper()
	all := map[exception]bool{}
	for _, r := range row.FindAllStringSubmatch(page, -1) {
		number, err := strconv.Atoi(r[1])
		require.NoError(t, err)
		e := exception{number, r[2]}
		assert.False(t, all[e], "%v is there twice", e)
		all[e] = true
	}
	require.NotEmpty(t, all)
	return all
}

// covering returns the row that has the name, or a pattern for it.
func covering(rows map[exception]bool, number int, name string) (exception, bool) {
	for e := range rows {
		if ok, _ := path.Match(e.name, name); ok && e.rule == number {
			return e, true
		}
	}
	return exception{}, false
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func TestTheExportedNamesFollowTheRules(t *testing.T) {
	if testkit.RaceEnabled {
		t.Skip("the race detector finds nothing in source")
	}
	page := read(t, "../api.md")
	readme, root := read(t, "../../README.md"), read(t, "../../doc.go")
	excused, used := exceptions(t, page), map[exception]bool{}
	for _, p := range exported.Load(t, "../..") {
		name := strings.TrimPrefix(p.Path, exported.Module+"/")
		for file, link := range map[string]bool{
			"docs/api.md": strings.Contains(page, "`"+name+"`"),
			"README.md":   strings.Contains(readme, "]("+name+")"),
			"doc.go":      strings.Contains(root, "["+p.Path+"]"),
		} {
			assert.True(t, link, "%s does not name package %s", file, name)
		}
		for number, rule := range rules {
			for _, f := range rule(p) {
				if e, ok := covering(excused, number, f.name); ok {
					used[e] = true
				} else if _, ok := covering(pending, number, f.name); !ok {
					t.Errorf("rule %d: %s %s", number, f.name, f.what)
				}
			}
		}
	}
	for e := range excused {
		assert.True(t, used[e], "rule %d: %s is no exception any more: delete its row", e.rule, e.name)
	}
}

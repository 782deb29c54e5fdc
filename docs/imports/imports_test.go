// Package imports_test holds docs/imports.md against what the packages import.
package imports_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

const module = "github.com/coderrange/ferrous/"

// heavy are parts of the standard library that the page tells of.
var heavy = []string{"crypto/tls", "net", "net/http", "encoding/json", "log/slog", "reflect"}

// row is what the page says of a package: how many packages it imports, directly or
// not, of this module, of others and of the standard library, and the heavy ones.
type row struct {
	own, others, standard int
	heavy                 string
}

func (r row) line(name string) string {
	return fmt.Sprintf("| `%s` | %d | %d | %d | %s |", name, r.own, r.others, r.standard, r.heavy)
}

// measured returns the row of each public package.
func measured(t *testing.T) map[string]row {
	t.Helper()
	list := testkit.Command(t, "go", "list", "-f",
		`{{if and .GoFiles (ne .Name "main")}}{{.ImportPath}} {{join .Deps " "}}{{end}}`, module+"...")
	list.Env = append(os.Environ(), "GOWORK=off", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := list.Output()
	require.NoError(t, err)
	all := map[string]row{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], module)
		if words[0]+"/" == module || strings.Contains(words[0], "internal/") || strings.HasPrefix(name, "docs/") {
			continue
		}
		var r row
		var found []string
		for _, path := range words[1:] {
			switch first, _, _ := strings.Cut(path, "/"); {
			case strings.HasPrefix(path, module):
				r.own++
			case strings.Contains(first, "."):
				r.others++
			default:
				r.standard++
				if slices.Contains(heavy, path) {
					found = append(found, "`"+path+"`")
				}
			}
		}
		slices.Sort(found)
		r.heavy = strings.Join(found, ", ")
		all[name] = r
	}
	return all
}

// TestNoPackageImportsMoreThanThePageSays lets a package import less.
func TestNoPackageImportsMoreThanThePageSays(t *testing.T) {
	if !strings.HasPrefix(runtime.Version(), "go1.26") {
		t.Skip("the page counts the standard library of Go 1.26")
	}
	page, err := os.ReadFile("../imports.md")
	require.NoError(t, err)
	said := map[string]row{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[1], "`") {
			continue
		}
		var r row
		_, err := fmt.Sscan(strings.Join(cells[2:5], " "), &r.own, &r.others, &r.standard)
		require.NoError(t, err, line)
		r.heavy = strings.TrimSpace(cells[5])
		said[strings.Trim(cells[1], " `")] = r
	}
	all := measured(t)
	for name, r := range all {
		s, ok := said[name]
		if !ok || r.own > s.own || r.others > s.others || r.standard > s.standard || r.heavy != s.heavy {
			t.Errorf("docs/imports.md has not this row, or one with smaller numbers:\n%s", r.line(name))
		}
	}
	for name := range said {
		assert.Contains(t, all, name, "there is no such package")
	}
}

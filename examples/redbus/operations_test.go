package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	flagInSpan = regexp.MustCompile(`^-([a-z][a-z-]*)`)
	pathInSpan = regexp.MustCompile(`^(?:(GET|POST|DELETE) )?(/(?:v1|healthz|readyz)\S*)$`)
	flagInHelp = regexp.MustCompile(`(?m)^  -([a-z][a-z-]*)`)
)

// The page for those who operate the service names flags and paths that exist, and all
// flags.
func TestThePageOfOperationsNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	flags := map[string]bool{}
	code, help, stderr := redbus(t, "serve", "-help")
	require.Zero(t, code, stderr)
	for _, f := range flagInHelp.FindAllStringSubmatch(help, -1) {
		flags[f[1]] = true
		assert.Contains(t, string(text), "`-"+f[1]+"`", "the page says nothing of a flag")
	}
	require.True(t, flags["store"], help)

	s := startServing(t)
	paths := 0
	for _, span := range codeSpan.FindAllStringSubmatch(string(text), -1) {
		if f := flagInSpan.FindStringSubmatch(span[1]); f != nil {
			assert.True(t, flags[f[1]], "redbus serve has no flag -%s", f[1])
		}
		p := pathInSpan.FindStringSubmatch(span[1])
		if p == nil {
			continue
		}
		paths++
		q, err := http.NewRequestWithContext(t.Context(), p[1], s.url+strings.ReplaceAll(p[2], "{event}", "another"), http.NoBody)
		require.NoError(t, err)
		q.Header.Set("Authorization", "Bearer operator")
		r, err := http.DefaultClient.Do(q)
		require.NoError(t, err)
		problem := fmt.Sprint(r.StatusCode)
		if r.StatusCode == http.StatusNotFound { // of a path, or of the event
			var text [200]byte
			n, _ := r.Body.Read(text[:])
			problem = string(text[:n])
		}
		require.NoError(t, r.Body.Close())
		assert.NotContains(t, problem, "no-such-path", span[1])
		assert.NotEqual(t, "405", problem, span[1])
	}
	assert.GreaterOrEqual(t, paths, 4)
	http.DefaultClient.CloseIdleConnections()
	assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
}

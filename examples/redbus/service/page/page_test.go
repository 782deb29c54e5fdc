package page_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/redbus/service/page"
)

// get asks a handler for a path, with a tag if there is one.
func get(t *testing.T, h http.Handler, path, tag string) (*http.Response, string) {
	t.Helper()
	q := httptest.NewRequest(http.MethodGet, path, nil)
	if tag != "" {
		q.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	r := w.Result()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r, string(text)
}

func TestEachFileIsBoundToItsOwnServerAndIsNotGuessed(t *testing.T) {
	h := page.Handler(page.Options{Event: "bus", Hold: time.Minute})
	paths := []string{"/"}
	for _, name := range page.Files() {
		paths = append(paths, page.Prefix+name)
	}
	require.Len(t, paths, 7)
	elsewhere := regexp.MustCompile(`(?i)https?://|//[a-z0-9-]+\.|import\(|\beval\b|innerHTML`)
	for _, path := range paths {
		r, text := get(t, h, path, "")
		assert.Equal(t, http.StatusOK, r.StatusCode, path)
		assert.NotEmpty(t, r.Header.Get("Content-Type"), path)
		assert.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"), path)
		policy := r.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'", path)
		assert.NotContains(t, policy, "unsafe", path)
		if path != "/page/icon.svg" { // whose namespace is an address
			assert.NotRegexp(t, elsewhere, text, path)
		}

		again, _ := get(t, h, path, r.Header.Get("ETag"))
		assert.Equal(t, http.StatusNotModified, again.StatusCode, path)
	}
	for _, path := range []string{"/page/", "/page/index.html", "/page/none.js", "/x"} {
		r, _ := get(t, h, path, "")
		assert.Equal(t, http.StatusNotFound, r.StatusCode, path)
	}
}

func TestThePageHasNoInlineScriptOrStyle(t *testing.T) {
	_, text := get(t, page.Handler(page.Options{}), "/", "")
	assert.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]`, text)
}

func TestTheNameOfTheEventIsText(t *testing.T) {
	_, text := get(t, page.Handler(page.Options{Event: `"><script>alert(1)</script>`, Hold: time.Minute}), "/", "")
	assert.Contains(t, text, `data-event="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" data-hold="60000"`)
}

func TestKeysAreTypedUnseen(t *testing.T) {
	for _, keys := range []bool{false, true} {
		_, text := get(t, page.Handler(page.Options{Keys: keys}), "/", "")
		assert.Equal(t, keys, regexp.MustCompile(`<input id="name" type="password"`).MatchString(text))
	}
}

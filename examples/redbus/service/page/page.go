// Package page is the web page of the reservation service: the seats of one event, which
// a user can choose, hold, pay, book and give back, and sees change as they do. Its files
// are embedded and need no build. It asks nothing of other servers, and a browser lets it
// do no more than that: see policy.
//
//	files/index.html  what there is, with the names that screen readers say
//	files/page.css    how it looks: phone and desk, light and dark
//	files/page.js     what happens
//	files/plan.js     the seats, and the keys that move between them
//	files/live.js     the stream of changes, and how it comes back
//	files/api.js      requests, repeated by their Idempotency-Key
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"time"
)

// Prefix begins the paths of all files but the page itself, which is /.
const Prefix = "/page/"

// Options configures a page.
type Options struct {
	// Event is shown if the address of the page does not say ?event=NAME.
	Event string
	// Hold is for how long the page asks when it holds or extends.
	Hold time.Duration
	// Keys says that users have keys. Without it, the name of a user is one.
	Keys bool
}

//go:embed files
var files embed.FS

var index = template.Must(template.ParseFS(files, "files/"+home))

// types is the media type of each kind of file. Package mime asks the system, and systems
// differ.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// policy lets the page have scripts, styles and pictures of its own only, and answers of
// its own server. Text never becomes a script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Files returns the names of the files below [Prefix].
func Files() []string {
	all, err := files.ReadDir("files")
	if err != nil { // embedded
		panic(err)
	}
	var names []string
	for _, f := range all {
		if f.Name() != home {
			names = append(names, f.Name())
		}
	}
	return names
}

const home = "index.html"

// A file is what is answered.
type file struct {
	kind, tag string
	text      []byte
}

func newFile(name string, text []byte) file {
	return file{types[path.Ext(name)], fmt.Sprintf(`"%x"`, sha256.Sum256(text)), text}
}

// Handler serves the page at / and its files below [Prefix]. Other paths get 404.
func Handler(o Options) http.Handler {
	all := map[string]file{}
	for _, name := range Files() {
		text, err := files.ReadFile("files/" + name)
		if err != nil {
			panic(err)
		}
		all[Prefix+name] = newFile(name, text)
	}
	var b bytes.Buffer
	if err := index.Execute(&b, o); err != nil { // a test has executed it
		panic(err)
	}
	all["/"] = newFile(home, b.Bytes())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, known := all[r.URL.Path]
		if !known {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache") // ask each time; the tag answers
		h.Set("ETag", f.tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.text))
	})
}

// Package names checks that what the pages of the repository name exists: files,
// folders, tests, and exported names. It checks the comments of the code, too, as far as
// they name tests and pages.
package names

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// tree is the repository.
type tree struct {
	root     string
	paths    map[string]bool            // files and folders
	bases    map[string]bool            // their last parts
	tests    map[string]bool            // tests, fuzz targets, benchmarks and examples
	settings map[string]bool            // variables of the environment
	exported map[string]map[string]bool // of each public package by its name: Name, Type.Name and .Name
	pages    []string                   // Markdown files
	sources  map[string]*ast.File       // Go files
	fset     *token.FileSet
}

// repository returns the repository in which this package is.
func repository(t *testing.T) *tree {
	t.Helper()
	if testkit.RaceEnabled {
		t.Skip("the race detector finds nothing in source")
	}
	r, err := once()
	require.NoError(t, err)
	return r
}

var once = sync.OnceValues(func() (*tree, error) { return read("../..") })

// read reads the repository at root.
func read(root string) (*tree, error) {
	r := &tree{
		root: root, paths: map[string]bool{}, bases: map[string]bool{}, tests: map[string]bool{}, settings: map[string]bool{},
		exported: map[string]map[string]bool{}, sources: map[string]*ast.File{}, fset: token.NewFileSet(),
	}
	return r, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" || name == "bin") {
			return fs.SkipDir
		}
		r.paths[name], r.bases[path.Base(name)] = true, true
		switch path.Ext(name) {
		case ".md":
			r.pages = append(r.pages, name)
		case ".go":
			source, err := parser.ParseFile(r.fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			r.sources[name] = source
			r.declare(name, source)
		}
		return nil
	})
}

var isTest = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)([A-Z_].*|$)`)

// declare records the names that a file declares.
func (r *tree) declare(name string, source *ast.File) {
	public := !strings.HasSuffix(name, "_test.go") && !strings.Contains(name, "internal/") && source.Name.Name != "main"
	names := map[string]bool{}
	ast.Inspect(source, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
			for _, s := range setting.FindAllString(text.Value, -1) {
				r.settings[s] = true
			}
		}
		return true
	})
	for _, d := range source.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if isTest.MatchString(d.Name.Name) {
				r.tests[d.Name.Name] = true
			}
			if d.Recv == nil {
				names[d.Name.Name] = true
			} else {
				names["."+d.Name.Name] = true // its type may be embedded in an exported one
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					for _, n := range s.Names {
						names[n.Name] = true
					}
				case *ast.TypeSpec:
					names[s.Name.Name] = true
					ast.Inspect(s.Type, func(n ast.Node) bool {
						if f, ok := n.(*ast.Field); ok {
							for _, n := range f.Names {
								names["."+n.Name] = true
							}
						}
						return true
					})
				}
			}
		}
	}
	if !public {
		return
	}
	if r.exported[source.Name.Name] == nil {
		r.exported[source.Name.Name] = map[string]bool{}
	}
	maps.Copy(r.exported[source.Name.Name], names)
}

var (
	link     = regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`) // not to other sites
	inPlace  = regexp.MustCompile("`[^`\n]+`")
	block    = regexp.MustCompile("(?ms)^```\\w*\n.*?^```$|(?:^    .*\n)+")
	filePath = regexp.MustCompile(`^(?:\./)?[\w.*-]+(?:/[\w.*-]+)+/?$|^[\w-]+\.(?:md|go)$`)
	pattern  = regexp.MustCompile(` -(?:run|skip|bench|fuzz) `)
	setting  = regexp.MustCompile(`\bFERROUS_[A-Z_]+`)
	release  = regexp.MustCompile(`/v\d`) // the tag of a nested module
	testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark|Example)[A-Z_]\w+`)
	exported = regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?([*?]?)`)
	sample   = regexp.MustCompile(`(?m)^\t.*$`) // code in a comment
	docPath  = regexp.MustCompile(`\bdocs/[\w./-]*\w`)
)

// has reports whether the path, which may have a * and lack its ending, exists. It is
// relative to the folder or to the root. A file without a folder may be anywhere.
func (r *tree) has(folder, name string) bool {
	if !strings.Contains(name, "/") {
		return r.bases[name]
	}
	for _, name := range []string{path.Join(folder, name), path.Clean(name)} {
		if r.paths[name] || r.paths[name+".go"] || r.paths[name+"_test.go"] || r.paths[name+".md"] {
			return true
		}
		for p := range r.paths {
			if ok, _ := path.Match(name, p); ok || path.Dir(name) == path.Dir(p) && strings.HasPrefix(path.Base(p), path.Base(name)+"-") {
				return true // docs/adr/0003 is docs/adr/0003-readers….md
			}
		}
	}
	return false
}

// inTree reports whether the first part of a path is a folder of the root.
func (r *tree) inTree(name string) bool {
	first, _, more := strings.Cut(strings.TrimPrefix(name, "./"), "/")
	return !more || r.paths[first]
}

// begins reports whether the name of a test begins with prefix.
func (r *tree) begins(prefix string) bool {
	for name := range r.tests {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// A finding is the kind of what a page names, and its name.
type finding struct{ kind, name string }

// faults returns what a page names and what does not exist.
func (r *tree) faults(page, text string) (faults []finding) {
	prose := block.ReplaceAllString(text, "\n")
	pieces := append(block.FindAllString(text, -1), inPlace.FindAllString(prose, -1)...)
	for _, l := range link.FindAllStringSubmatch(inPlace.ReplaceAllString(prose, "code"), -1) {
		if !r.paths[path.Join(path.Dir(page), l[1])] {
			faults = append(faults, finding{"link", l[1]})
		}
	}
	if path.Dir(page) == "docs/behaviours" { // a test there knows in which package a test must be
		return faults
	}
	for _, piece := range pieces {
		for word := range strings.FieldsSeq(piece) {
			word = strings.Trim(word, "`'\"(),;:…")
			if filePath.MatchString(word) && r.inTree(word) && !release.MatchString(word) && !strings.Contains(word, "...") &&
				!r.has(path.Dir(page), word) {
				faults = append(faults, finding{"path", word})
			}
		}
		for _, name := range testName.FindAllString(piece, -1) {
			if !r.tests[name] && (!pattern.MatchString(piece) || !r.begins(name)) {
				faults = append(faults, finding{"test", name})
			}
		}
		for _, name := range setting.FindAllString(piece, -1) {
			if !r.settings[name] {
				faults = append(faults, finding{"setting", name})
			}
		}
		for _, n := range exported.FindAllStringSubmatch(piece, -1) {
			names := r.exported[n[1]]
			if isPattern := n[4] != ""; names == nil || isPattern || isTest.MatchString(n[2]) {
				continue
			}
			if !names[n[2]] || n[3] != "" && !names["."+n[3]] {
				faults = append(faults, finding{"name", n[0]})
			}
		}
	}
	return faults
}

// historic are pages that name what there was.
var historic = []string{"CHANGELOG.md"}

func TestWhatPagesNameExists(t *testing.T) {
	r := repository(t)
	require.NotEmpty(t, r.pages)
	for _, page := range r.pages {
		text, err := os.ReadFile(filepath.Join(r.root, page))
		require.NoError(t, err)
		if !slices.Contains(historic, page) {
			assert.Empty(t, r.faults(page, string(text)), "%s names what does not exist", page)
		}
	}
}

func TestWhatCommentsNameExists(t *testing.T) {
	r := repository(t)
	for name, source := range r.sources {
		for _, group := range source.Comments {
			text := sample.ReplaceAllString(group.Text(), "")
			for _, p := range docPath.FindAllString(text, -1) {
				assert.True(t, r.has("", p), "%v: names %s", r.fset.Position(group.Pos()), p)
			}
			for _, p := range testName.FindAllString(text, -1) {
				assert.True(t, r.tests[p] || strings.Contains(name, "testdata/"), "%v: names %s", r.fset.Position(group.Pos()), p)
			}
		}
	}
}

func TestWhatDoesNotExistIsFound(t *testing.T) {
	r := repository(t)
	page := "Text with `seatmap.Map.Block`, `seatmap.Map.Nothing` and `seatmap.Nothing`, `TestNoSuchTest`,\n" +
		"`TestWhatDoesNotExistIsFound`, [a link](api.md), [another](nothing.md), `nothing.go` and `names_test.go`.\n\n" +
		"    go run ./examples/redbus\n    go run ./examples/nothing\n    FERROUS_STRESS=1s FERROUS_" + "NOTHING=1 go test -run TestWhat ./docs/names\n\n" +
		"```go\nm := seatmap.NewNothing() // see docs/adr/0003 and docs/adr/9999\n```\n"
	assert.ElementsMatch(t, []finding{
		{"link", "nothing.md"},
		{"name", "seatmap.Map.Nothing"},
		{"name", "seatmap.Nothing"},
		{"name", "seatmap.NewNothing"},
		{"setting", "FERROUS_" + "NOTHING"},
		{"test", "TestNoSuchTest"},
		{"path", "nothing.go"},
		{"path", "./examples/nothing"},
		{"path", "docs/adr/9999"},
	}, r.faults("docs/page.md", page))
}

// Package rules holds the programs to the rules that CONTRIBUTING.md has for them.
package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const examples = "../.."

// sources returns the files under examples that are no tests.
func sources(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"*/*.go", "*/*/*.go"} {
		found, err := filepath.Glob(filepath.Join(examples, pattern))
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { return strings.HasSuffix(path, "_test.go") })
	require.Greater(t, len(paths), 50)
	return paths
}

// unexplained returns the lines of a source with one of Go's own locks, groups or
// channels, that have no comment on the line or just above.
func unexplained(t *testing.T, name string, source any) (places []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	commented := map[int]bool{}
	for _, group := range file.Comments {
		if group == file.Doc {
			continue
		}
		commented[set.Position(group.Pos()).Line] = true
		commented[set.Position(group.End()).Line+1] = true
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			return false
		}
		what := ""
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "sync" &&
				slices.Contains([]string{"Mutex", "RWMutex", "WaitGroup", "Once"}, n.Sel.Name) {
				what = "sync." + n.Sel.Name
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "make" && len(n.Args) > 0 {
				if _, ok := n.Args[0].(*ast.ChanType); ok {
					what = "make(chan"
				}
			}
		}
		if at := set.Position(n.Pos()); what != "" && !commented[at.Line] {
			places = append(places, at.String()+": "+what)
		}
		return true
	})
	return places
}

func TestGosOwnLocksGroupsAndChannelsHaveAReason(t *testing.T) {
	for _, path := range sources(t) {
		assert.Empty(t, unexplained(t, path, nil), "a comment on the line or above it says why the plain one is better here")
	}
}

func TestTheRuleFindsWhatHasNoReason(t *testing.T) {
	const head = "package p\n\nimport \"sync\"\n\n"
	for source, n := range map[string]int{
		"var mu sync.Mutex":   1,
		"var mu sync.RWMutex": 1,
		"type t struct {\n\ta int\n\twg sync.WaitGroup\n}":    1,
		"var once = new(sync.Once)":                           1,
		"var c = make(chan int)":                              1,
		"var c, d = make(chan int, 1), make(chan<- struct{})": 2,
		"// c is closed once.\nvar c = make(chan int)":        0,
		"var c = make(chan int) // it is closed once":         0,
		"// It says something.\n\nvar c = make(chan int)":     1,
		"var m sync.Map":              0,
		"var s = make([]chan int, 1)": 0,
		"func f(c chan int) {}":       0,
	} {
		assert.Len(t, unexplained(t, "p.go", head+source), n, source)
	}
}

var place = regexp.MustCompile(`(\w+\.go)(?:: (\w+(?:, \w+)*))?`)

// TestEachProgramSaysWhereItsConceptsAre looks up what the table of each package comment
// names: the files, and the functions, types and values of those.
func TestEachProgramSaysWhereItsConceptsAre(t *testing.T) {
	programs := map[string]int{}
	for _, path := range sources(t) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		if file.Name.Name != "main" {
			continue
		}
		dir := filepath.Dir(path)
		programs[dir] += 0
		for line := range strings.Lines(file.Doc.Text()) {
			if !strings.HasPrefix(line, "\t") {
				continue
			}
			for _, found := range place.FindAllStringSubmatch(line, -1) {
				programs[dir]++
				declared := declarations(t, filepath.Join(dir, found[1]))
				for name := range strings.SplitSeq(found[2], ", ") {
					assert.True(t, name == "" || declared[name], "%s: %s is not in %s", dir, name, found[1])
				}
			}
		}
	}
	require.Greater(t, len(programs), 10)
	for dir, rows := range programs {
		assert.GreaterOrEqual(t, rows, 3, "%s: the package comment has a table: concept, file and function", dir)
	}
}

// declarations returns the names that a file declares outside of functions.
func declarations(t *testing.T, path string) map[string]bool {
	t.Helper()
	_, err := os.Stat(path)
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names[d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}

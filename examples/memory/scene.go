package main

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"

	"github.com/coderrange/ferrous/diagram"
)

// A scene is one diagram of the source document.
type scene struct {
	name   string // also of its file
	page   string // of the document
	title  string
	says   string // what the picture shows
	theirs string // the document's code, in Rust or C++
	ours   string // the Go code that made the picture
	steps  []diagram.Step
}

// show draws the values as they are now.
func (s *scene) show(caption string, roots ...diagram.Root) {
	s.steps = append(s.steps, diagram.Step{Caption: caption, Picture: diagram.Capture(roots...)})
}

// main draws variables of one frame.
func (s *scene) main(caption string, vars ...diagram.Root) {
	s.show(caption, diagram.Frame("main", vars...))
}

var variable = diagram.Var

// An act is a scene before it is played.
type act struct {
	name, page, title, says, theirs string
	play                            func(*scene)
}

// acts are all scenes, in the order of the document.
var acts = append(append(append(append(append(basics, layout...), borrows...), shared...), tables...), cpp...)

// play plays the scenes, or the one with the name.
func play(only string) []*scene {
	code := sources()
	var all []*scene
	for _, a := range acts {
		if only != "" && a.name != only {
			continue
		}
		s := &scene{name: a.name, page: a.page, title: a.title, says: a.says, theirs: strings.TrimSpace(a.theirs), ours: code[a.name]}
		a.play(s)
		all = append(all, s)
	}
	return all
}

func (s *scene) text(width int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "== %s\n%s\n\n", s.title, s.says)
	for _, step := range s.steps {
		if len(s.steps) > 1 || step.Caption != "" {
			fmt.Fprintf(&out, "-- %s\n", step.Caption)
		}
		out.WriteString(step.Picture.Text(width))
	}
	out.WriteString("\n")
	return out.String()
}

func (s *scene) svg() string {
	if len(s.steps) == 1 {
		return s.steps[0].Picture.SVG(s.title)
	}
	return diagram.Steps(s.title, s.steps...)
}

//go:embed basics.go layout.go borrows.go shared.go tables.go cpp.go
var files embed.FS

// sources returns the code of each act: the body of the function in its row.
func sources() map[string]string {
	code := map[string]string{}
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are part of the program
	}
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, e.Name(), text, 0)
		if err != nil {
			panic(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			row, ok := n.(*ast.CompositeLit)
			if !ok || len(row.Elts) != 6 {
				return true
			}
			name, isName := row.Elts[0].(*ast.BasicLit)
			f, isFunc := row.Elts[5].(*ast.FuncLit)
			if isName && isFunc {
				body := text[set.Position(f.Body.Lbrace).Offset+1 : set.Position(f.Body.Rbrace).Offset]
				code[strings.Trim(name.Value, `"`)] = trim(string(body))
			}
			return true
		})
	}
	return code
}

// trim drops the lines that draw, and the indentation.
func trim(body string) string {
	var lines []string
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\t\t\t"), "\n")
		if !strings.Contains(line, "s.main(") && !strings.Contains(line, "s.show(") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

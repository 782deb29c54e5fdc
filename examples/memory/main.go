// Command memory draws the memory diagrams of the source document, from live
// values: as text on the terminal, and as SVG and one HTML page into a folder.
//
// Each scene is a function in one of the files beside this one. It builds its values
// as the Go code shows and draws them with package diagram.
//
// # Which concept is where
//
//	bytes, pointers, strings, Box                  basics.go
//	arrays, slices, structs, frames, vectors       layout.go
//	ownership, borrows, lifetimes, shadowing       borrows.go
//	Rc, Weak, RefCell, Arc, Mutex, channels        shared.go
//	traits, virtual functions, generics            tables.go
//	C++: arguments, copies, containers, pointers   cpp.go
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/coderrange/ferrous/examples/internal/program"
)

func main() { program.Main("memory", run) }

func run(_ context.Context, args []string, out io.Writer) error {
	var dir, file, only string
	var width int
	flags := program.NewFlags("memory", "memory [flags]")
	flags.StringVar(&dir, "dir", "", "the folder for an SVG file a scene and a README.md; none are written without it")
	flags.StringVar(&file, "page", "", "the HTML file that shows all scenes; none is written without it")
	flags.StringVar(&only, "only", "", "the name of the only scene to draw")
	flags.Check(func() error {
		if only != "" && !slices.ContainsFunc(acts, func(a act) bool { return a.name == only }) {
			return program.Usagef("-only %q is not the name of a scene", only)
		}
		return nil
	})
	flags.Int(&width, "width", 80, 24, 1000, "columns of the terminal")
	goOn, err := flags.Parse(args, out)
	if err != nil || !goOn {
		return err
	}
	drawn := play(only)
	for _, s := range drawn {
		if _, err := io.WriteString(out, s.text(width)); err != nil {
			return err
		}
	}
	if dir != "" {
		if err := write(dir, drawn); err != nil {
			return err
		}
	}
	if file != "" {
		return os.WriteFile(file, []byte(page(drawn)), 0o644) //nolint:gosec // pictures for all to see
	}
	return nil
}

// write makes one SVG file a scene, and a table of them.
func write(dir string, drawn []*scene) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // pictures for all to see
		return err
	}
	var errs []error
	file := func(name, content string) {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)) //nolint:gosec // the same
	}
	for _, s := range drawn {
		file(s.name+".svg", s.svg())
	}
	file("README.md", table(drawn))
	return errors.Join(errs...)
}

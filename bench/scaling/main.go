// Scaling simulates the seat service with many machines, from what each step costs on one,
// and writes the tables and curves of docs/scaling.md.
//
//	go run ./bench/scaling [-docs docs]
//
// It is a simulation of discrete events: requests arrive at random times, wait at
// processors and stores, are served in order of arrival, and leave. The costs are in
// calibration.go, each with its source. The same costs give the same page, since the
// random numbers are the same each time.
//
// Where to look:
//
//	what                                        here
//	the order of events; stations with queues   engine.go
//	what a request goes through                 scenario.go
//	the model beside what was measured          check.go
//	what is simulated                           tables.go, plot.go
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("scaling", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	docs := flags.String("docs", "docs", "the folder of scaling.md")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	page := filepath.Join(*docs, "scaling.md")
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := fill(old, tables())
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	if err := write(page, text); err != nil {
		return err
	}
	plots, err := plots()
	if err != nil {
		return err
	}
	for name, svg := range plots {
		if err := write(filepath.Join(*docs, "scaling", name), svg); err != nil {
			return err
		}
	}
	return nil
}

// marked is where a table goes.
var marked = regexp.MustCompile(`(?s)(<!-- scaling (\w+) -->\n).*?(<!-- /scaling -->)`)

// fill writes each table into its place. Each must have one.
func fill(page []byte, tables map[string]string) ([]byte, error) {
	filled := map[string]bool{}
	page = marked.ReplaceAllFunc(page, func(old []byte) []byte {
		parts := marked.FindSubmatch(old)
		name := string(parts[2])
		filled[name] = true
		return bytes.Join([][]byte{parts[1], []byte(tables[name]), parts[3]}, nil)
	})
	for name := range filled {
		if tables[name] == "" {
			return nil, fmt.Errorf("there is no table %q", name)
		}
	}
	for name := range tables {
		if !filled[name] {
			return nil, fmt.Errorf("there is no place for table %q", name)
		}
	}
	return page, nil
}

func write(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // it is to be read by all
		return err
	}
	return os.WriteFile(file, text, 0o644) //nolint:gosec // likewise
}

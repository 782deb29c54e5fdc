// Bench measures the packages beside their peers and prints a table for every
// benchmark: medians, with a column for each impl= and its ratio to impl=ours.
//
//	go run ./bench [-count 6] [-pkg seatmap,channel] [-bench regexp] [-core] [-md]
//	go run ./bench -input results.txt
//	go run ./bench -input results.txt -pages docs/performance -plot docs/performance
//
// The raw results go to standard error, in the format that benchstat and
// -input read. The whole set is run count times, not each benchmark, so that
// noise hits all sides alike.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run does what the arguments say: tables go to out, raw results to raw.
func run(args []string, out, raw io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	count := flags.Int("count", 6, "how often to run the whole set")
	pkg := flags.String("pkg", "", "packages, separated by commas (default all)")
	core := flags.Bool("core", false, "run the packages' own benchmarks too")
	regexp := flags.String("bench", ".", "run the benchmarks that match")
	benchtime := flags.String("benchtime", "1s", "how long or how often (100x) to run each")
	input := flags.String("input", "", "read raw results from this file, run nothing")
	markdown := flags.Bool("md", false, "print Markdown")
	pages := flags.String("pages", "", "write the tables into the Markdown pages of this folder")
	plots := flags.String("plot", "", "draw curves as SVG into this folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	var results io.Reader
	if *input != "" {
		file, err := os.Open(*input)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // only read
		results = file
	} else {
		var buf bytes.Buffer
		packages := patterns(strings.Split(*pkg, ","), *core)
		err := measure(io.MultiWriter(&buf, raw), *count, packages, "-bench", *regexp, "-benchtime", *benchtime)
		if err != nil {
			return err
		}
		results = &buf
	}

	rep, err := read(results)
	if err != nil {
		return err
	}
	if *pages != "" {
		if err := rep.fill(*pages); err != nil {
			return err
		}
	}
	if *plots != "" {
		if err := rep.plot(*plots); err != nil {
			return err
		}
	}
	_, err = io.WriteString(out, rep.format(*markdown))
	return err
}

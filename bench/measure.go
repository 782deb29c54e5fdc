package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
)

const module = "github.com/coderrange/ferrous"

// patterns returns the package patterns of the benchmarks of the named
// packages; the name "" stands for all packages.
func patterns(names []string, core bool) []string {
	var all []string
	for _, name := range names {
		all = append(all, path.Join(module, "bench", name, "..."))
		if core {
			all = append(all, path.Join(module, name, "..."))
		}
	}
	return all
}

// measure writes to w the raw results of count rounds over all packages, after
// lines that say what was measured. The flags are go test's.
func measure(w io.Writer, count int, packages []string, flags ...string) error {
	if count < 1 {
		return fmt.Errorf("-count %d: at least 1 wanted", count)
	}
	commit, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return fmt.Errorf("git describe: %w", err)
	}
	_, err = fmt.Fprintf(w, "goversion: %s\ncommit: %s\n", runtime.Version(), strings.TrimSpace(string(commit)))
	if err != nil {
		return err
	}
	args := append([]string{"test", "-run", "^$", "-benchmem", "-count", "1", "-timeout", "0"}, flags...)
	for range count {
		cmd := exec.Command("go", append(args, packages...)...)
		cmd.Stdout, cmd.Stderr = w, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
		}
	}
	return nil
}

package channel_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// rustMPSC compiles mpsc.rs, or returns an error if there is no Rust.
func rustMPSC(b *testing.B) (program string, err error) {
	b.Helper()
	rustc, err := exec.LookPath("rustc")
	if err != nil {
		return "", err
	}
	program = filepath.Join(b.TempDir(), "mpsc")
	out, err := exec.CommandContext(b.Context(), rustc, "-O", "-o", program, "mpsc.rs").CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program, nil
}

// benchmarkRust lets a program made by rustMPSC move b.N messages. The time is
// the one that it takes itself, without that of starting a process.
func benchmarkRust(b *testing.B, program string, args ...int) {
	b.Helper()
	words := []string{strconv.Itoa(args[0]), strconv.Itoa(b.N)}
	for _, arg := range args[1:] {
		words = append(words, strconv.Itoa(arg))
	}
	command := exec.CommandContext(b.Context(), program, words...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		b.Fatal(err)
	}
	took, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(took/float64(b.N), "ns/op")
}

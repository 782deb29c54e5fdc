package program

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// UsageError says what is wrong with the arguments, in one line.
type UsageError struct{ text string }

// Error returns the line.
func (e *UsageError) Error() string { return e.text }

// Usagef returns a [UsageError].
func Usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// Flags are the flags of a command. A number has a range: [Flags.Parse] refuses
// what is outside with an error that names the flag and the range.
type Flags struct {
	*flag.FlagSet
	synopsis string
	checks   []func() error
}

// NewFlags returns the flags of a command. The synopsis is the first line of the
// help, as in "taskmanager [-file FILE] list".
func NewFlags(name, synopsis string) *Flags {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return &Flags{FlagSet: set, synopsis: synopsis}
}

// Int adds a number from least to most.
func (f *Flags) Int(p *int, name string, value, least, most int, usage string) {
	f.IntVar(p, name, value, usage)
	f.Check(func() error { return within(name, int64(*p), int64(least), int64(most)) })
}

// Int64 adds a number from least to most.
func (f *Flags) Int64(p *int64, name string, value, least, most int64, usage string) {
	f.Int64Var(p, name, value, usage)
	f.Check(func() error { return within(name, *p, least, most) })
}

func within(name string, v, least, most int64) error {
	if v < least || v > most {
		return Usagef("-%s %d is not %d to %d", name, v, least, most)
	}
	return nil
}

// Share adds a number from 0 to 1.
func (f *Flags) Share(p *float64, name string, value float64, usage string) {
	f.Float64Var(p, name, value, usage)
	f.Check(func() error {
		if math.IsNaN(*p) || *p < 0 || *p > 1 {
			return Usagef("-%s %v is not 0 to 1", name, *p)
		}
		return nil
	})
}

// Duration adds a time that is above 0 and at most most.
func (f *Flags) Duration(p *time.Duration, name string, value, most time.Duration, usage string) {
	f.DurationVar(p, name, value, usage)
	f.Check(func() error {
		if *p <= 0 || *p > most {
			return Usagef("-%s %v is not above 0 and at most %v", name, *p, most)
		}
		return nil
	})
}

// OneOf adds a word, which is one of several.
func (f *Flags) OneOf(p *string, name, value string, words []string, usage string) {
	f.StringVar(p, name, value, usage+": one of "+strings.Join(words, ", "))
	f.Check(func() error {
		if !slices.Contains(words, *p) {
			return Usagef("-%s %q is not one of %s", name, *p, strings.Join(words, ", "))
		}
		return nil
	})
}

// Path adds the name of a file or directory, which must not be empty.
func (f *Flags) Path(p *string, name, value, usage string) {
	f.StringVar(p, name, value, usage)
	f.Check(func() error {
		if *p == "" || strings.ContainsRune(*p, 0) {
			return Usagef("-%s %q is not the name of a file", name, *p)
		}
		return nil
	})
}

// Check adds a check of the flags, which is made when all are read.
func (f *Flags) Check(check func() error) { f.checks = append(f.checks, check) }

// Parse reads the flags of a command that takes nothing else. It reports
// whether the command shall go on: not after an error, which is a [UsageError]
// unless out fails, and not after -h, for which it prints the help to out.
func (f *Flags) Parse(args []string, out io.Writer) (goOn bool, err error) {
	goOn, err = f.ParseCommand(args, out)
	if goOn && f.NArg() > 0 {
		return false, Usagef("unexpected argument %q", f.Arg(0))
	}
	return goOn, err
}

// ParseCommand is like [Flags.Parse], for a command that takes more than flags.
func (f *Flags) ParseCommand(args []string, out io.Writer) (goOn bool, err error) {
	switch err := f.FlagSet.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return false, f.help(out)
	case err != nil:
		return false, Usagef("%s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	for _, check := range f.checks {
		if err := check(); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (f *Flags) help(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n", f.synopsis)
	f.SetOutput(&b)
	f.PrintDefaults()
	f.SetOutput(io.Discard)
	_, err := io.WriteString(out, b.String())
	return err
}

// Seatjournal looks at the directory of a [journal.Store] and changes nothing in it.
//
//	go run github.com/coderrange/ferrous/seatmap/journal/cmd/seatjournal verify DIR
//	go run github.com/coderrange/ferrous/seatmap/journal/cmd/seatjournal inspect DIR
//	go run github.com/coderrange/ferrous/seatmap/journal/cmd/seatjournal export [-o FILE] DIR EVENT
//
// Verify reads all of it as [journal.Open] does, with every checksum, and prints a line for
// each file and each event. If there is damage, it says in which file and at which byte.
// Inspect prints each frame, too: one is what one sync of the disk has written. Export
// writes an event as [seatmap.Porter] does. An export has the secrets of all tokens: a FILE
// is for its owner only, and must not exist.
//
// The torn end that a crash may leave is no damage: Open drops it. Holds that are volatile
// are not in a journal.
//
// A journal that a process has open is not read. The program says which process that is.
// While the program reads, no other process can open the journal.
// A copy or snapshot of the directory that was taken meanwhile can be read if it is of one
// moment.
//
// Exit codes: 0; 1 for damage, and if something cannot be read or written; 2 for wrong
// arguments; 3 if another process has the journal open.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal/internal/reader"
	"github.com/coderrange/ferrous/seatmap/journal/internal/wal"
)

const usage = `usage: seatjournal verify DIR
       seatjournal inspect DIR
       seatjournal export [-o FILE] DIR EVENT
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// errUsage says that the arguments are wrong.
var errUsage = errors.New("wrong arguments")

// run returns the exit code.
func run(args []string, out, errs io.Writer) int {
	err := command(args, out)
	locked, isLocked := errors.AsType[*wal.LockedError](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		_, _ = io.WriteString(errs, usage)
		return 2
	case isLocked:
		_, _ = fmt.Fprintf(errs, "seatjournal: the journal is held by %v\n", locked.Owner)
		return 3
	}
	_, _ = fmt.Fprintf(errs, "seatjournal: %v\n", err)
	return 1
}

func command(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := ""
	if args[0] == "export" {
		flags.StringVar(&file, "o", "", "")
	}
	if flags.Parse(args[1:]) != nil {
		return errUsage
	}
	switch rest := flags.Args(); {
	case args[0] == "verify" && len(rest) == 1:
		return verify(rest[0], false, out)
	case args[0] == "inspect" && len(rest) == 1:
		return verify(rest[0], true, out)
	case args[0] == "export" && len(rest) == 2:
		return export(rest[0], rest[1], file, out)
	}
	return errUsage
}

// verify reads a journal and prints what is in it.
func verify(dir string, frames bool, out io.Writer) error {
	p := &printer{out: out, frames: frames}
	c, err := reader.Read(dir, p.part)
	p.endFile()
	if err != nil {
		return fmt.Errorf("%s: %w", dir, errors.Join(err, p.err))
	}
	for _, event := range c.Events {
		p.event(c.Map, event)
	}
	p.print("sound: %d records behind the checkpoint, %d events\n", c.Records, len(c.Events))
	return errors.Join(p.err, c.Map.Close())
}

// printer prints the parts of a journal, and sums them up by file.
type printer struct {
	out    io.Writer
	frames bool // whether each frame is printed
	err    error

	file            string
	frameCount      int
	first           uint64
	records         int
	last            wal.Part
	begun, complete bool
}

func (p *printer) print(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, a...)
	}
}

func (p *printer) part(part wal.Part) {
	if part.File != p.file {
		p.endFile()
		*p = printer{out: p.out, frames: p.frames, err: p.err, file: part.File, first: part.First, begun: true}
	}
	switch part.Kind {
	case wal.PartRecords, wal.PartSeal, wal.PartClose:
		p.frameCount++
		p.records += part.Records
		p.complete = part.Kind == wal.PartSeal
	default:
		p.complete = true
	}
	if p.frames {
		p.print("  %s byte %d: %s, %d bytes, %d records from %d\n", part.File, part.Offset, part.Kind, part.Size, part.Records, part.First)
	}
	if part.Kind != wal.PartFree || p.last.Kind != wal.PartClose { // of a log that was closed, there is nothing more to say
		p.last = part
	}
}

// endFile sums a file up.
func (p *printer) endFile() {
	if !p.begun {
		return
	}
	p.begun = false
	p.print("%s: ", p.file)
	kind := p.last.Kind
	if kind == wal.PartCheckpoint {
		p.print("checkpoint of what is before record %d, %d bytes in %d parts\n", p.last.First, p.last.Size, p.last.Records)
		return
	}
	if kind == wal.PartSpare {
		p.print("not in use yet\n")
		return
	}
	p.print("%d frames with %d records from %d", p.frameCount, p.records, p.first)
	switch {
	case !p.complete:
		p.print("; and then damage\n")
	case kind == wal.PartSeal:
		p.print("; the log goes on\n")
	case kind == wal.PartClose:
		p.print("; the log was closed\n")
	case kind == wal.PartTorn:
		p.print("; torn at byte %d, which Open drops\n", p.last.Offset)
	default:
		p.print("; the log was not closed\n")
	}
}

// event prints the numbers of an event.
func (p *printer) event(m *seatmap.Map, name string) {
	page, err := m.Seats(context.Background(), seatmap.SeatsRequest{Event: name, Limit: 1})
	if err == nil {
		p.counts(m, name, page)
		return
	}
	p.err = errors.Join(p.err, err)
}

func (p *printer) counts(m *seatmap.Map, name string, page seatmap.Snapshot) {
	seats, err := m.Counts(context.Background(), seatmap.CountsRequest{Event: name})
	if err != nil {
		p.err = errors.Join(p.err, err)
		return
	}
	p.print("event %q: revision %d; with all areas %s\n", name, page.Revision, text(seats))
	for _, area := range page.Areas {
		p.print("  area %q: %s\n", area.Area, text(area.Counts))
	}
}

func text(c seatmap.Counts) string {
	return fmt.Sprintf("%d available, %d blocked, %d booked, %d closed", c.Available, c.Blocked, c.Booked, c.Closed)
}

// export writes an event to a new file, or to out if there is no name of one.
func export(dir, event, file string, out io.Writer) (err error) {
	c, err := reader.Read(dir, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, c.Map.Close()) }()
	if file == "" {
		return exportTo(c, event, out)
	}
	to, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = exportTo(c, event, to)
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return errors.Join(err, os.Remove(file)) // it is not whole
	}
	return nil
}

func exportTo(c reader.Content, event string, to io.Writer) error {
	_, err := c.Map.Export(context.Background(), seatmap.ExportRequest{Event: event}, to)
	if errors.Is(err, seatmap.ErrUnknownEvent) {
		return fmt.Errorf("%w; there are: %s", err, strings.Join(c.Events, ", "))
	}
	return err
}

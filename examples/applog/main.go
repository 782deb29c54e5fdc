// Command applog logs from several services at once through a queue of 1,000
// lines to a file that is rotated by size.
//
// What it promises of an accepted line is said by -accept:
//
//	queued   it is in memory, not yet on disk. It is written also when the
//	         program is ended by an interrupt, SIGTERM, SIGHUP or a panic. SIGKILL
//	         and a disk that is full lose such lines; what a full disk loses is
//	         counted, and told at the end and in the log itself.
//	written  it was written to the file: SIGKILL does not lose it. A service whose
//	         line cannot be written gets the error.
//	synced   it was written and synced to the disk, so that it outlives a crash of
//	         the machine too.
//
// One process writes a file at a time; another one is told who that is. A file
// that somebody renames or removes is followed by a new one. A device or a FIFO
// that has a reader takes lines too, and is never rotated.
//
// The exit code is 0, also after a signal; 1 when lines could not be written; 2
// for bad flags, and for a panic. A second signal ends the program at once. That
// stdout is closed is no failure.
//
// Where to look:
//
//	concept                                    here
//	trait Logger: Send + Sync                  logger.go: Logger
//	app_log!(logger, INFO, "Server started")   logger.go: appLog; main.go: run
//	mpsc::channel::<String>(1000)              async.go: QueueSize, newLogger
//	the background task that writes            async.go: write, flush
//	logs/app.log, rotated                      file.go: openLog
//	the end of the last sender                 async.go: Close
//	log/slog to the same file                  handler.go: Handler
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/task"
)

const (
	maxMB       = 1 << 20 // 1 TB
	maxServices = 10_000
	maxLines    = 1_000_000_000
)

// options are the flags.
type options struct {
	file     string
	megas    int
	services int
	lines    int
	drop     bool
	accept   string
	panicAt  int
}

func main() { program.Main("applog", command) }

func command(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := program.NewFlags("applog", "applog [flags]")
	flags.Path(&o.file, "file", "logs/app.log", "the log file; older ones are kept beside it")
	flags.Int(&o.megas, "mb", 1, 1, maxMB, "the size at which the file is rotated, in MB")
	flags.Int(&o.services, "services", 3, 1, maxServices, "how many services log at once")
	flags.Int(&o.lines, "lines", 10_000, 0, maxLines, "how many lines each service logs; 0 means until a signal")
	flags.BoolVar(&o.drop, "drop", false, "refuse lines when the queue is full, instead of waiting")
	flags.OneOf(&o.accept, "accept", "queued", []string{"queued", "written", "synced"}, "when a line is accepted")
	flags.Int(&o.panicAt, "panic", 0, 0, maxLines, "let a service panic at this line; 0 means never")
	goOn, err := flags.Parse(args, out)
	if err != nil || !goOn {
		return err
	}
	return run(ctx, out, o)
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	policy := Wait
	if o.drop {
		policy = Drop
	}
	file, err := openLog(o.file, int64(o.megas)<<20, o.accept == "synced")
	if err != nil {
		return err
	}
	accept := Written
	if o.accept == "" || o.accept == "queued" {
		accept = Queued
	}
	logger := newLogger(file, policy, accept)
	var accepted atomic.Uint64
	var logged []int // lines, by service
	// Also when a service has panicked, for that resurfaces here. It closes before
	// it prints, since nobody may be reading.
	defer func() {
		err = errors.Join(err, logger.Close())
		for i, n := range logged {
			_, _ = fmt.Fprintf(out, "service %d: %d lines\n", i, n)
		}
		_, _ = fmt.Fprintf(out, "accepted=%d dropped=%d written=%d lost=%d\n",
			accepted.Load(), logger.Dropped(), logger.Written(), logger.Lost())
	}()
	log := func(level Level, text string) {
		if appLog(logger, level, text) == nil {
			accepted.Add(1)
		}
	}
	log(Info, "Server started")
	_, _ = fmt.Fprintln(out, "Server started")
	services := make([]func(context.Context) (int, error), o.services)
	for i := range services {
		services[i] = func(ctx context.Context) (int, error) { return service(ctx, i, o, logger, &accepted) }
	}
	logged, err = task.JoinAll(ctx, services...) // a panic of one cancels the others
	log(Warn, "Server stopped")
	if ctx.Err() != nil {
		return nil // a signal is no failure, also before the services began
	}
	return err
}

// service logs numbered lines, every tenth through log/slog.
func service(ctx context.Context, id int, o options, logger Logger, accepted *atomic.Uint64) (n int, err error) {
	structured := slog.New(NewHandler(counting{logger, accepted}, slog.LevelInfo)).With("service", id)
	for i := 1; (o.lines == 0 || i <= o.lines) && ctx.Err() == nil; i++ {
		if i == o.panicAt && id == 0 {
			panic(fmt.Sprintf("service %d has a bug at line %d", id, i))
		}
		if i%10 == 0 {
			structured.Info("request", "line", i)
			n++
			continue
		}
		if err := appLog(logger, Info, fmt.Sprintf("msg=request service=%d line=%d", id, i)); err == nil {
			accepted.Add(1)
			n++
		}
	}
	return n, nil
}

// counting counts what a logger accepts.
type counting struct {
	Logger
	accepted *atomic.Uint64
}

func (c counting) Log(line Line) error {
	err := c.Logger.Log(line)
	if err == nil {
		c.accepted.Add(1)
	}
	return err
}

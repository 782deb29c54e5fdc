// Command applog logs from several services at once through a queue of 1,000
// lines to a file that is rotated by size. No accepted line is lost, also when
// the program is ended by an interrupt, SIGTERM, SIGHUP or a panic.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/coderrange/ferrous/task"
)

// maxMB is the largest file, of 1 TB. Lumberjack does not check that the size in
// bytes is a number it can hold.
const maxMB = 1 << 20

// options are the flags.
type options struct {
	file     string
	megas    int
	services int
	lines    int
	drop     bool
	panicAt  int
}

func main() {
	var o options
	flag.StringVar(&o.file, "file", "logs/app.log", "the log file; older ones are kept beside it")
	flag.IntVar(&o.megas, "mb", 1, "the size at which the file is rotated, in MB")
	flag.IntVar(&o.services, "services", 3, "how many services log at once")
	flag.IntVar(&o.lines, "lines", 10_000, "how many lines each service logs; 0 means until a signal")
	flag.BoolVar(&o.drop, "drop", false, "refuse lines when the queue is full, instead of waiting")
	flag.IntVar(&o.panicAt, "panic", 0, "let a service panic at this line; 0 means never")
	flag.Parse()
	if o.file == "" || o.megas < 1 || o.megas > maxMB || o.services < 1 || o.lines < 0 || o.panicAt < 0 || flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "applog: -file must be given, -mb be from 1 to %d, -services be positive, "+
			"-lines and -panic not be negative, and nothing may follow the flags\n", maxMB)
		os.Exit(2)
	}
	signal.Ignore(syscall.SIGPIPE) // that stdout is closed must not cost lines
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "applog:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	policy := Wait
	if o.drop {
		policy = Drop
	}
	logger := NewAsync(&rotated{Logger: lumberjack.Logger{Filename: o.file, MaxSize: o.megas}}, policy)
	var accepted atomic.Uint64
	var logged []int // lines, by service
	// Also when a service has panicked, for that resurfaces here. It closes before
	// it prints, since nobody may be reading.
	defer func() {
		err = errors.Join(err, logger.Close())
		for i, n := range logged {
			_, _ = fmt.Fprintf(out, "service %d: %d lines\n", i, n)
		}
		_, _ = fmt.Fprintf(out, "accepted=%d dropped=%d written=%d\n", accepted.Load(), logger.Dropped(), logger.Written())
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

// Filestore keeps files in memory and serves them over HTTP: the deck's
// Arc<Mutex<HashMap<String, Vec<u8>>>>.
//
//	filestore -addr 127.0.0.1:8080
//	curl -T report.pdf http://127.0.0.1:8080/files/
//	curl http://127.0.0.1:8080/files
//
// With -selftest it serves on a free port, lets several clients at once at
// itself and exits.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "filestore:", err)
		os.Exit(1)
	}
}

// run is main with what it needs: arguments, and where to print.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("filestore", flag.ContinueOnError)
	flags.SetOutput(out)
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen")
	isTest := flags.Bool("selftest", false, "exercise the server, and exit")
	limits := Limits{}
	flags.Int64Var(&limits.File, "file", 10<<20, "`bytes` of one file")
	flags.Int64Var(&limits.Total, "total", 1<<30, "`bytes` of all files")
	flags.IntVar(&limits.Files, "files", 100_000, "number of files")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if limits.File <= 0 || limits.Total <= 0 || limits.Files <= 0 || flags.NArg() > 0 {
		return errors.New("-file, -total and -files must be positive, and nothing may follow the flags")
	}
	if *isTest {
		*addr = "127.0.0.1:0"
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	if !*isTest {
		if _, err := fmt.Fprintln(out, "listening on", l.Addr()); err != nil {
			return err
		}
		return serve(ctx, l, NewStore(limits))
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, NewStore(limits)) }()
	err = selfTest(ctx, "http://"+l.Addr().String(), out)
	stop()
	return errors.Join(err, <-served)
}

// serve serves the store until ctx is done, lets the requests that are under
// way finish, and drops the store.
func serve(ctx context.Context, l net.Listener, s *Store) error {
	defer s.Drop()
	server := &http.Server{
		Handler:           NewHandler(s),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
	}
	ended := make(chan error, 1)
	stopped := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		ended <- server.Shutdown(grace)
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stopped()
		return err
	}
	return <-ended
}

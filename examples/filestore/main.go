// Filestore keeps files in memory and serves them over HTTP: the deck's
// Arc<Mutex<HashMap<String, Vec<u8>>>>.
//
//	filestore -addr 127.0.0.1:8080
//	curl -T report.pdf http://127.0.0.1:8080/files/
//	curl http://127.0.0.1:8080/files
//
// A file that was put is in memory: it is gone when the program ends, in whatever
// way. The first signal lets the requests under way finish, for ten seconds at
// most, and the program ends with 0; the second signal ends it at once.
//
// With -selftest it serves on a free port, lets several clients at once at
// itself and exits.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/coderrange/ferrous/examples/internal/program"
)

func main() { program.Main("filestore", run) }

// run is main with what it needs: arguments, and where to print.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := program.NewFlags("filestore", "filestore [flags]")
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen")
	isTest := flags.Bool("selftest", false, "exercise the server, and exit")
	limits := Limits{}
	flags.Int64(&limits.File, "file", 10<<20, 1, math.MaxInt64-1, "`bytes` of one file")
	flags.Int64(&limits.Total, "total", 1<<30, 1, math.MaxInt64, "`bytes` of all files")
	flags.Int(&limits.Files, "files", 100_000, 1, math.MaxInt, "number of files")
	flags.Check(func() error {
		_, port, err := net.SplitHostPort(*addr)
		if err == nil {
			_, err = new(net.Resolver).LookupPort(ctx, "tcp", port)
		}
		if err != nil {
			return program.Usagef("-addr %q is not host:port: %v", *addr, err)
		}
		return nil
	})
	goOn, err := flags.Parse(args, out)
	if err != nil || !goOn {
		return err
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
		return serve(ctx, l, NewStore(limits), grace)
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, NewStore(limits), grace) }()
	err = selfTest(ctx, "http://"+l.Addr().String(), out)
	stop()
	return errors.Join(err, <-served)
}

// grace is how long requests that are under way have when a signal comes.
const grace = 10 * time.Second

// serve serves the store until ctx is done, lets the requests that are under
// way finish, cuts off those that do not within the grace, and drops the store.
func serve(ctx context.Context, l net.Listener, s *Store, grace time.Duration) error {
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
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := server.Shutdown(patience)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		ended <- err
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stopped()
		return err
	}
	return <-ended
}

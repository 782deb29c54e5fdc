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
//
// Where to look:
//
//	concept                                here
//	Arc<Mutex<HashMap<String, Vec<u8>>>>   store.go: Store, contents, NewStore
//	a handle for each request              server.go: NewHandler
//	readers at once, one writer            store.go: Get, Put
//	a wait that can be canceled            store.go: Put, Delete, List
//	the last owner frees the files         store.go: Drop
//	several clients at once                selftest.go: selfTest
//	shutdown that lets requests finish     main.go: serve
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

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/task"
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
	return task.WithScope(ctx, func(s *task.Scope) error {
		ctx, stop := context.WithCancel(s.Context())
		defer stop()
		s.SpawnErr(func(context.Context) error { return serve(ctx, l, NewStore(limits), grace) })
		return selfTest(ctx, "http://"+l.Addr().String(), out)
	})
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
	end, ended := channel.NewOneshot[error]()
	stopped := context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := server.Shutdown(patience)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		_ = end.Send(err) // nobody may be there any more
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stopped()
		return err
	}
	err, lost := ended.Recv(context.WithoutCancel(ctx))
	return errors.Join(err, lost)
}

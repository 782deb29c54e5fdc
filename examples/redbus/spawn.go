package main

import (
	"bytes"
	"cmp"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coderrange/ferrous/task"
)

// A server is a program that runs on a free loopback port, with its files in a temporary
// folder. A password that nobody else knows keeps other users of the machine out, and
// shows that the server which answers is this one.
type server struct {
	url     string
	dir     string
	process *exec.Cmd
	output  bytes.Buffer // is read when the process has ended
	ended   *task.Handle[struct{}]
}

// patience is how long a server may take to start, and to end.
const patience = time.Minute

// runRedis starts a Redis that has a change on the disk before it says so.
func runRedis(ctx context.Context) (*server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, notInstalled("redis-server", "redis-server", "redis", err)
	}
	dir, err := os.MkdirTemp("", "redbus")
	if err != nil {
		return nil, err
	}
	password := crand.Text()
	return spawn(ctx, dir, func(port string) (*exec.Cmd, string, error) {
		c := exec.Command(program, "-")
		confine(c)
		c.Stdin = strings.NewReader(fmt.Sprintf(
			"bind 127.0.0.1\nport %s\nrequirepass %s\ndir %s\nsave \"\"\nappendonly yes\nappendfsync always\n", port, password, strconv.Quote(dir)))
		return c, "redis://:" + password + "@127.0.0.1:" + port, nil
	})
}

// runPostgres starts a PostgreSQL with an empty database.
func runPostgres(ctx context.Context) (*server, error) {
	// Debian has its programs not in the PATH.
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is right
	program, err := exec.LookPath("postgres")
	if len(all) > 0 {
		program, err = slices.MaxFunc(all, func(a, b string) int { return cmp.Compare(release(a), release(b)) }), nil
	}
	if err != nil {
		return nil, notInstalled("PostgreSQL", "postgresql", "postgres", err)
	}
	dir, err := os.MkdirTemp("", "redbus")
	if err != nil {
		return nil, err
	}
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "password")
	fail := func(err error) (*server, error) { return nil, errors.Join(err, os.RemoveAll(dir)) }
	password := crand.Text()
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return fail(err)
	}
	initdb := exec.CommandContext(ctx, filepath.Join(filepath.Dir(program), "initdb"),
		"-D", data, "-U", "redbus", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir = dir
	initdb.Cancel = func() error { return initdb.Process.Signal(os.Interrupt) } // it waits for its own processes
	initdb.WaitDelay = patience / 6
	confine(initdb)
	if err := demote(initdb, dir, secret); err != nil {
		return fail(err)
	}
	if out, err := initdb.CombinedOutput(); ctx.Err() != nil {
		return fail(context.Cause(ctx))
	} else if err != nil {
		return fail(fmt.Errorf("initdb: %w: %s", err, lastLine(out)))
	}
	return spawn(ctx, dir, func(port string) (*exec.Cmd, string, error) {
		c := exec.Command(program, "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
		confine(c)
		return c, "postgres://redbus:" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable", demote(c)
	})
}

// release returns the number of the version that Debian has in a path.
func release(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 if it is none
	return n
}

// spawn starts a program and waits until it answers. It tries again if another program has
// taken the port meanwhile. It removes dir if it fails.
func spawn(ctx context.Context, dir string, program func(port string) (c *exec.Cmd, url string, err error)) (*server, error) {
	var err error
	for range 5 {
		s := &server{dir: dir}
		var port string
		if port, err = freePort(ctx); err != nil {
			break
		}
		if s.process, s.url, err = program(port); err != nil {
			break
		}
		s.process.Dir, s.process.Stdout, s.process.Stderr = dir, &s.output, &s.output
		s.process.WaitDelay = time.Second // its own processes may keep the output open
		if err = s.process.Start(); err != nil {
			break
		}
		s.ended = task.Go(context.Background(), func(context.Context) (struct{}, error) {
			_ = s.process.Wait() // it may be killed
			return struct{}{}, nil
		})
		if err = s.wait(ctx); err == nil {
			return s, nil
		}
		s.stop()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// wait waits until a store can be opened at the server.
func (s *server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the server does not answer"))
	defer cancel()
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		seats, err := serving{store: s.url}.open(attempt)
		cancel()
		if err == nil {
			return seats.Close()
		}
		select {
		case <-s.ended.Done():
			return fmt.Errorf("%s has ended: %s", filepath.Base(s.process.Path), lastLine(s.output.Bytes()))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// end ends the server and removes its files.
func (s *server) end() error {
	s.stop()
	return os.RemoveAll(s.dir)
}

// stop ends the process, which kills it if it does not do so by itself.
func (s *server) stop() {
	_ = s.process.Process.Signal(os.Interrupt) // it may have ended, and Windows has no signals
	select {
	case <-s.ended.Done():
	case <-time.After(patience / 6):
	}
	_ = s.process.Process.Kill()
	_, _ = s.ended.Join(context.Background())
}

// lastLine returns what a program has said last.
func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

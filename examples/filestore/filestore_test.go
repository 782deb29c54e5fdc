package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
)

func TestMain(m *testing.M) { checked.Main(m) }

// start serves a store on the loopback interface.
func start(t *testing.T, limits Limits) (*Store, *Client) {
	t.Helper()
	s := NewStore(limits)
	server := httptest.NewServer(NewHandler(s))
	t.Cleanup(func() {
		server.Close()
		assert.EqualValues(t, 1, s.shared.StrongCount(), "every request has dropped its handle")
		s.Drop()
	})
	return s, &Client{Base: server.URL, HTTP: server.Client()}
}

func requireStatus(t *testing.T, code int, err error) {
	t.Helper()
	var refused *StatusError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, code, refused.Code, refused.Text)
}

var roomy = Limits{File: 1000, Total: 100_000, Files: 1000}

func TestFilesComeBack(t *testing.T) {
	_, c := start(t, roomy)
	ctx := t.Context()
	list, err := c.List(ctx)
	require.NoError(t, err)
	assert.Empty(t, list)
	for _, name := range []string{"b", "a.txt", "with space & ünïcode?", "%2F"} {
		require.NoError(t, c.Put(ctx, name, []byte(name+"!")))
		got, err := c.Get(ctx, name)
		require.NoError(t, err)
		assert.Equal(t, name+"!", string(got))
	}
	require.NoError(t, c.Put(ctx, "b", nil))
	list, err = c.List(ctx)
	require.NoError(t, err)
	assert.Equal(t, []Entry{{"%2F", 4}, {"a.txt", 6}, {"b", 0}, {"with space & ünïcode?", 24}}, list)
	require.NoError(t, c.Delete(ctx, "b"))
	requireStatus(t, http.StatusNotFound, c.Delete(ctx, "b"))
	_, err = c.Get(ctx, "b")
	requireStatus(t, http.StatusNotFound, err)
}

func TestPutTellsNewFromReplaced(t *testing.T) {
	_, c := start(t, roomy)
	for _, want := range []int{http.StatusCreated, http.StatusNoContent} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.Base+"/files/a", strings.NewReader("x"))
		require.NoError(t, err)
		res, err := c.HTTP.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, want, res.StatusCode)
	}
}

func TestLimits(t *testing.T) {
	s, c := start(t, Limits{File: 10, Total: 25, Files: 3})
	ctx := t.Context()
	put := func(name string, size int) error { return c.Put(ctx, name, bytes.Repeat([]byte("x"), size)) }
	requireStatus(t, http.StatusRequestEntityTooLarge, put("a", 11))
	require.NoError(t, put("a", 10))
	require.NoError(t, put("b", 10))
	requireStatus(t, http.StatusInsufficientStorage, put("c", 6))
	require.NoError(t, put("c", 5))
	requireStatus(t, http.StatusInsufficientStorage, put("d", 0))
	requireStatus(t, http.StatusInsufficientStorage, put("c", 6))
	require.NoError(t, put("a", 9), "a smaller one in its place")
	require.NoError(t, put("c", 6))
	require.NoError(t, c.Delete(ctx, "b"))
	require.NoError(t, put("d", 10))
	_, err := s.Put(ctx, "e", make([]byte, 11))
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestBadNamesAreRefused(t *testing.T) {
	s, c := start(t, roomy)
	ctx := t.Context()
	for _, name := range []string{"", ".", "..", "a/b", "x\n", "\x00", "\x7f", "\u0085", "a\xff", strings.Repeat("x", 256)} {
		_, err := s.Put(ctx, name, nil)
		require.ErrorIs(t, err, ErrName, "%q", name)
		requireStatus(t, http.StatusBadRequest, c.Put(ctx, name, []byte("x")))
		_, err = c.Get(ctx, name)
		requireStatus(t, http.StatusBadRequest, err)
		requireStatus(t, http.StatusBadRequest, c.Delete(ctx, name))
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	_, c := start(t, roomy)
	for _, path := range []string{"/files", "/files/a"} {
		_, err := c.do(t.Context(), http.MethodPost, path, nil)
		requireStatus(t, http.StatusMethodNotAllowed, err)
	}
	_, err := c.do(t.Context(), http.MethodGet, "/elsewhere", nil)
	requireStatus(t, http.StatusNotFound, err)
}

func TestClientsAtOnceSeeWholeFiles(t *testing.T) {
	s, c := start(t, roomy)
	const clients, times = 16, 30
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { assert.NoError(t, exercise(t.Context(), c, i, times)) })
	}
	wg.Wait()
	list, err := s.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	s.contents().RWith(func(c *contents) { assert.EqualValues(t, list[0].Size, c.total) })
}

func TestCanceledRequestStopsWaiting(t *testing.T) {
	s := NewStore(roomy)
	defer s.Drop()
	g := s.contents().Lock()
	defer g.Unlock()
	for _, request := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := s.Put(ctx, "a", nil); return err },
		func(ctx context.Context) error { _, err := s.Get(ctx, "a"); return err },
		func(ctx context.Context) error { return s.Delete(ctx, "a") },
		func(ctx context.Context) error { _, err := s.List(ctx); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- request(ctx) }()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	}
}

func TestSelfTestPasses(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-selftest"}, &out))
	assert.Equal(t, "8 clients put, read, listed and deleted 200 files; 1 is left\n", out.String())
	require.Error(t, run(t.Context(), []string{"-selftest", "-file", "10"}, io.Discard), "it must be able to fail")
}

func TestBadFlagsAreRefused(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it must not serve
	for _, bad := range []string{"-nonsense", "-addr=nowhere:-1", "-file=0", "-total=-1", "-files=0", "stray"} {
		require.Error(t, run(ctx, []string{"-addr=127.0.0.1:0", bad}, io.Discard), bad)
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, &out), "help is no failure")
	assert.Contains(t, out.String(), "-selftest")
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error)
	go func() { done <- run(ctx, []string{"-addr", "127.0.0.1:0"}, in) }()
	var addr string
	_, err := fmt.Fscanf(out, "listening on %s\n", &addr)
	require.NoError(t, err)
	_, _, err = net.SplitHostPort(addr)
	require.NoError(t, err)
	c := &Client{Base: "http://" + addr, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	require.NoError(t, c.Put(t.Context(), "a", []byte("x")))
	cancel()
	require.NoError(t, <-done)
}

func TestAClientThatStallsDoesNotKeepTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error)
	s := NewStore(roomy)
	mine := s.Clone()
	defer mine.Drop()
	go func() { done <- serve(ctx, l, s, time.Millisecond) }()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	// It asks to be told when the server reads the body, and then sends none.
	_, err = io.WriteString(conn, "PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, len("HTTP/1.1 100 Continue")))
	require.NoError(t, err)
	cancel()
	require.NoError(t, <-done, "a signal is no failure")
	_, err = io.Copy(io.Discard, conn) // the server has cut it off
	require.NoError(t, err)
	for mine.shared.StrongCount() > 1 { // the request ends without its client
		runtime.Gosched()
	}
}

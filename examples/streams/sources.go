package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coderrange/ferrous/task"
)

// writeFile writes lines of 100 bytes, each with its number from 0.
func writeFile(ctx context.Context, name string, lines int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range lines {
		if ctx.Err() != nil {
			break
		}
		head := fmt.Sprintf("%d ", i)
		_, _ = fmt.Fprint(w, head, strings.Repeat(".", 99-len(head)), "\n") // Flush has the error
	}
	return errors.Join(ctx.Err(), w.Flush(), f.Close())
}

// makeTable makes an SQLite database with the numbers from 0.
func makeTable(ctx context.Context, file string, rows int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, `
		CREATE TABLE numbers (n INTEGER PRIMARY KEY);
		WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM c WHERE n+1 < ?1)
		INSERT INTO numbers SELECT n FROM c WHERE n < ?1`, rows)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// eventServer sends numbered events to whoever asks.
type eventServer struct {
	url    string
	server *http.Server
	client *http.Client
	served *task.Handle[struct{}]
}

func serveEvents(events int) (*eventServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &eventServer{url: "http://" + l.Addr().String(), client: &http.Client{Transport: new(http.Transport)}}
	s.server = &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range events {
				if _, err := fmt.Fprintf(w, "id: %d\ndata: %d event\n\n", i, i); err != nil {
					return
				}
				if i%100 == 0 {
					w.(http.Flusher).Flush()
				}
			}
		}),
	}
	s.served = task.GoErr(context.Background(), func(context.Context) error { return s.server.Serve(l) })
	return s, nil
}

// get opens the stream of events.
func (s *eventServer) get(ctx context.Context) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("the endpoint says %s", response.Status)
	}
	return response.Body, nil
}

func (s *eventServer) close() {
	_ = s.server.Close()
	_, _ = s.served.Join(context.Background()) // it was closed
	s.client.CloseIdleConnections()
}

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/task"
)

// receiver is a webhook receiver on the loopback interface.
type receiver struct {
	url      string
	server   *http.Server
	serving  *task.Handle[struct{}]
	received arcmutex.Mutex[[][]byte]
}

func newReceiver(ctx context.Context) (*receiver, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + listener.Addr().String()}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Second}
	r.serving = task.GoErr(context.WithoutCancel(ctx), func(context.Context) error {
		if err := r.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return r, nil
}

// ServeHTTP takes an alert.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.received.With(func(all *[][]byte) { *all = append(*all, body) })
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) close() error {
	err := r.server.Close()
	_, served := r.serving.Join(context.Background())
	return errors.Join(err, served)
}

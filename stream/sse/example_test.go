package sse_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/stream/sse"
)

func ExampleConnect() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Last-Event-ID") { // where the client is
		case "":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "retry: 1\nid: 1\ndata: one\n\n") // and the connection ends
		case "1":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "id: 2\ndata: two\n\n")
		default:
			w.WriteHeader(http.StatusNoContent) // no more
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range sse.Connect(req, sse.Options{Client: server.Client()}).All(ctx) {
		fmt.Println(e.ID, e.Data, err)
	}
	// Output:
	// 1 one <nil>
	// 2 two <nil>
}

func ExampleResponseError() {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, nil)
	if err != nil {
		panic(err)
	}
	_, err = stream.Collect(context.Background(), sse.Connect(req, sse.Options{}))
	if refused, ok := errors.AsType[*sse.ResponseError](err); ok {
		fmt.Println(refused.StatusCode, refused)
	}
	// Output: 404 sse: not a stream of events: status 404
}

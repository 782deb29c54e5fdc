package service

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// observe gives each request an id and a span, logs and counts its end, and answers for a
// handler that panicked.
func (s *Service) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := requestID(r)
		w.Header().Set("X-Request-Id", id)
		seen := &recorder{ResponseWriter: w}
		s.measures.began()
		r, span := s.traced(r)
		defer func() { // the last, whether or not the handler panicked
			s.measures.ended(seen, r.Method, time.Since(began))
			endSpan(span, seen, r.Method, id)
		}()
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares so
					panic(p)
				}
				s.measures.panics.Inc()
				s.o.Log.Error("panic", "id", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if seen.status != 0 { // half of an answer must not look like a whole one
					panic(http.ErrAbortHandler)
				}
				errInternal.write(seen)
			}
			attrs := append(make([]slog.Attr, 0, 7),
				slog.String("id", id), slog.String("method", r.Method), slog.String("route", seen.route),
				slog.Int("status", seen.status), slog.Int64("bytes", seen.bytes), slog.Duration("took", time.Since(began)))
			if span != nil && span.SpanContext().IsSampled() {
				attrs = append(attrs, slog.String("trace", span.SpanContext().TraceID().String()))
			}
			s.o.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
		}()
		next.ServeHTTP(seen, r)
	})
}

// requestID returns the id that the client or a proxy gave the request, if it is short and
// plain, so that nothing can be slipped into a log, or else a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	plain := len(id) > 0 && len(id) <= 64
	for i := 0; plain && i < len(id); i++ {
		c := id[i]
		plain = c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	}
	if plain {
		return id
	}
	return rand.Text()
}

// A recorder sees what is answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	route  string // the pattern, not the path, which has names of users' making
}

// WriteHeader keeps the status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is for [http.ResponseController].
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

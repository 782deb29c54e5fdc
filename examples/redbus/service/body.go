package service

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/coderrange/ferrous/seatmap"
)

// maxBody is the size of the largest body, that of a request for [seatmap.Store.Create]
// excepted.
const maxBody, maxLayout = 64 << 10, 16 << 20

// decode reads the body of a request, strictly: a member that is unknown or there twice, a
// text that is not UTF-8, and anything behind the value are refused.
func decode(w http.ResponseWriter, r *http.Request, most int64, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errMediaType
	}
	if r.ContentLength > most {
		w.Header().Set("Connection", "close") // the rest is not read
		return errTooLarge
	}
	body, err := read(http.MaxBytesReader(w, r.Body, most), r.ContentLength)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return errTooLarge
	case err != nil:
		return errMalformed.because("the body did not arrive")
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return errMalformed.because(err.Error())
	}
	return nil
}

// read reads all. The length is -1 if it is unknown.
func read(r io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(r)
	}
	body := make([]byte, length)
	_, err := io.ReadFull(r, body)
	return body, err
}

// key returns the key of a request that can be repeated.
func key(r *http.Request) (seatmap.Key, error) {
	switch keys := r.Header.Values("Idempotency-Key"); len(keys) {
	case 0:
		return seatmap.Key{}, nil
	case 1:
		if keys[0] != "" {
			return seatmap.NewKey(keys[0]), nil
		}
	}
	return seatmap.Key{}, errMalformed.because("Idempotency-Key is empty, or there are several")
}

// milliseconds returns a duration, which is above every limit if it would not fit.
func milliseconds(n int64) time.Duration {
	if n > int64(seatmap.MaxTTL/time.Millisecond) {
		return seatmap.MaxTTL + 1
	}
	return time.Duration(max(n, 0)) * time.Millisecond
}

// encode answers with JSON.
func encode(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // the types are ours
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs none
}

// empty answers that something was done.
func empty(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }

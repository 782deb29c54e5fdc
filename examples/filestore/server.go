package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// NewHandler serves a store:
//
//	PUT    /files/{name}   keeps the body: 201, or 204 if the name was there
//	GET    /files/{name}   the file
//	DELETE /files/{name}   204
//	GET    /files          [{"name":"a.txt","size":3}, …] in the order of names
//
// It answers 400 to a bad name, 404 to one that is not there, 413 to a file
// that is too large and 507 when the store is full.
func NewHandler(s *Store) http.Handler {
	mux := http.NewServeMux()
	// own gives each request a handle of its own.
	own := func(serve func(*Store, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s := s.Clone()
			defer s.Drop()
			serve(s, w, r)
		}
	}
	mux.HandleFunc("PUT /files/{name...}", own(func(s *Store, w http.ResponseWriter, r *http.Request) {
		// The body is read before the lock is taken: a slow client keeps nobody
		// waiting.
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.File))
		if err != nil {
			fail(w, err)
			return
		}
		created, err := s.Put(r.Context(), r.PathValue("name"), data)
		switch {
		case err != nil:
			fail(w, err)
		case created:
			w.WriteHeader(http.StatusCreated)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	mux.HandleFunc("GET /files/{name...}", own(func(s *Store, w http.ResponseWriter, r *http.Request) {
		data, err := s.Get(r.Context(), r.PathValue("name"))
		if err != nil {
			fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(data) // the client may have gone
	}))
	mux.HandleFunc("DELETE /files/{name...}", own(func(s *Store, w http.ResponseWriter, r *http.Request) {
		if err := s.Delete(r.Context(), r.PathValue("name")); err != nil {
			fail(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET /files", own(func(s *Store, w http.ResponseWriter, r *http.Request) {
		list, err := s.List(r.Context())
		if err != nil {
			fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list) // the client may have gone
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/files/.", "/files/..": // the mux would take them for steps, and redirect
			fail(w, ErrName)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// fail answers with the status that belongs to err.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable // the request was canceled, or the store poisoned
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, ErrName):
		status = http.StatusBadRequest
	case errors.Is(err, ErrTooLarge), errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrFull):
		status = http.StatusInsufficientStorage
	}
	http.Error(w, err.Error(), status)
}

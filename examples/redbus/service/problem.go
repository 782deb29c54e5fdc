package service

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
)

// A problem is an answer to a request that was refused, as RFC 9457 has it. Its Type is
// stable: programs decide by it. The text of Detail is for people and may change.
type problem struct {
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail,omitempty"`
	Seats  []string `json:"seats,omitempty"`   // that were not available
	Area   string   `json:"area,omitempty"`    // that has too few places
	Fields []string `json:"differs,omitempty"` // from the first request with the key
}

// problems begins each type.
const problems = "urn:ferrous:seats:"

func newProblem(status int, name, title string) problem {
	return problem{Type: problems + name, Title: title, Status: status}
}

// Problems that are not errors of a store.
var (
	errMalformed    = newProblem(http.StatusBadRequest, "malformed", "The body is not the JSON that was expected.")
	errUnauthorized = newProblem(http.StatusUnauthorized, "unauthorized", "The request has no valid key.")
	errForbidden    = newProblem(http.StatusForbidden, "forbidden", "This is for operators.")
	errNoSuchPath   = newProblem(http.StatusNotFound, "no-such-path", "There is nothing of that name.")
	errMethod       = newProblem(http.StatusMethodNotAllowed, "method", "The path does not have that method.")
	errTooLarge     = newProblem(http.StatusRequestEntityTooLarge, "too-large", "The body is too large.")
	errMediaType    = newProblem(http.StatusUnsupportedMediaType, "media-type", "The body is not application/json.")
	errRate         = newProblem(http.StatusTooManyRequests, "too-many-requests", "There were too many requests.")
	errOverloaded   = newProblem(http.StatusServiceUnavailable, "overloaded", "There is too much to do at the moment.")
	errLate         = newProblem(http.StatusServiceUnavailable, "late", "The request took too long; nothing was changed.")
	errNotOffered   = newProblem(http.StatusNotImplemented, "not-offered", "The store of this service does not offer that.")
	errInternal     = newProblem(http.StatusInternalServerError, "internal", "The service has a fault.")
)

// ofStore is the errors of a store, in an order in which the first that matches counts.
var ofStore = []struct {
	err error
	problem
}{
	{seatmap.ErrOutcomeUnknown, newProblem(http.StatusServiceUnavailable, "outcome-unknown", "The store did not answer. Repeat the request with the same Idempotency-Key.")},
	{seatmap.ErrUnavailable, newProblem(http.StatusServiceUnavailable, "unavailable", "The store cannot be reached; nothing was changed.")},
	{seatmap.ErrClosed, newProblem(http.StatusServiceUnavailable, "unavailable", "The store cannot be reached; nothing was changed.")},
	{seatmap.ErrInvalid, newProblem(http.StatusUnprocessableEntity, "invalid", "A value is out of range.")},
	{seatmap.ErrKeyReused, newProblem(http.StatusUnprocessableEntity, "key-reused", "The Idempotency-Key belongs to another request.")},
	{seatmap.ErrUnknownEvent, newProblem(http.StatusNotFound, "unknown-event", "There is no such event.")},
	{seatmap.ErrUnknownSeat, newProblem(http.StatusNotFound, "unknown-seat", "The event has no such seat or area.")},
	{seatmap.ErrExists, newProblem(http.StatusConflict, "exists", "There is an event of that name.")},
	{seatmap.ErrSoldOut, newProblem(http.StatusConflict, "sold-out", "No seat is available.")},
	{seatmap.ErrNotEnough, newProblem(http.StatusConflict, "not-enough", "There are fewer seats than were asked for.")},
	{seatmap.ErrTaken, newProblem(http.StatusConflict, "taken", "A seat is not available.")},
	{seatmap.ErrLimit, newProblem(http.StatusConflict, "limit", "A limit of the event would be exceeded.")},
	{seatmap.ErrExpired, newProblem(http.StatusGone, "expired", "The hold or booking has ended.")},
	{seatmap.ErrToken, newProblem(http.StatusForbidden, "token", "The token is not valid for this.")},
	{context.DeadlineExceeded, errLate},
	{context.Canceled, errLate},
}

// problemOf returns the problem of an error.
func problemOf(err error) problem {
	var p problem
	if errors.As(err, &p) {
		return p
	}
	for _, known := range ofStore {
		if errors.Is(err, known.err) {
			p = known.problem
			break
		}
	}
	var taken *seatmap.TakenError
	var area *seatmap.AreaError
	var key *seatmap.KeyError
	switch {
	case p.Type == "":
		return errInternal // the log has the error
	case errors.Is(err, seatmap.ErrInvalid):
		p.Detail = err.Error()
	case errors.As(err, &taken):
		p.Seats = slices.Clone(taken.Seats())
	case errors.As(err, &area):
		p.Area = area.Area()
	case errors.As(err, &key):
		p.Fields = key.Differs()
	}
	return p
}

// Error returns the title.
func (p problem) Error() string { return p.Title }

// because returns the problem with a detail.
func (p problem) because(detail string) problem {
	p.Detail = detail
	return p
}

// write answers with the problem.
func (p problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // it has only texts
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that has gone needs none
}

// refuse answers for the limits.
func refuse(w http.ResponseWriter, _ *http.Request, status int) {
	if status == http.StatusTooManyRequests {
		errRate.write(w)
		return
	}
	errOverloaded.write(w)
}

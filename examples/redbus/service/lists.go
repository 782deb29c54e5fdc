package service

import (
	"net/http"
	"strconv"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// lister returns the store as one that can list, and whether it can. Such a store has
// references, too.
func (s *Service) lister() (seatmap.Lister, bool) {
	l, ok := s.o.Store.(seatmap.Lister)
	return l, ok
}

// referred returns an error if there is a reference, but the store has none.
func (s *Service) referred(reference string) error {
	if _, ok := s.lister(); reference != "" && !ok {
		return errNotOffered.because("the store keeps no references")
	}
	return nil
}

// limitOf returns the limit of a page.
func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return maxPage, nil
	}
	most, err := strconv.Atoi(text)
	if err != nil || most < 1 || most > maxPage {
		return 0, errMalformed.because("limit is not a number from 1 to " + strconv.Itoa(maxPage))
	}
	return most, nil
}

type eventBody struct {
	Event  string `json:"event"`
	Seats  int    `json:"seats"`
	Places int    `json:"places,omitzero"`
}

func (s *Service) events(w http.ResponseWriter, r *http.Request) error {
	l, ok := s.lister()
	if !ok {
		return errNotOffered.because("the store does not list events")
	}
	most, err := limitOf(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	list, err := l.Events(r.Context(), seatmap.EventsRequest{Prefix: query.Get("prefix"), After: query.Get("after"), Limit: most})
	if err != nil {
		return err
	}
	b := struct {
		Events []eventBody `json:"events"`
		More   bool        `json:"more"`
	}{make([]eventBody, len(list.Events)), list.More}
	for i, one := range list.Events {
		b.Events[i] = eventBody{one.Event, one.Seats, one.Places}
	}
	encode(w, http.StatusOK, b)
	return nil
}

// A grantBody is a hold or booking in a list, without its token. It says whose it is to
// operators.
type grantBody struct {
	Fence     uint64         `json:"fence"`
	State     string         `json:"state"`
	User      string         `json:"user,omitzero"`
	Reference string         `json:"reference,omitzero"`
	Seats     []string       `json:"seats,omitzero"`
	Places    map[string]int `json:"places,omitzero"`
	At        time.Time      `json:"at"`
	Until     time.Time      `json:"until,omitzero"`
	Left      int64          `json:"left_ms,omitzero"`
	Paying    bool           `json:"paying,omitzero"`
}

// grants lists the caller's holds and bookings; to an operator, those of one user or of all.
func (s *Service) grants(w http.ResponseWriter, r *http.Request) error {
	l, ok := s.lister()
	if !ok {
		return errNotOffered.because("the store does not list bookings")
	}
	most, err := limitOf(r)
	if err != nil {
		return err
	}
	query, of := r.URL.Query(), callerOf(r)
	ask := seatmap.GrantsRequest{Event: r.PathValue("event"), User: of.user, Reference: query.Get("reference"), Limit: most}
	if text := query.Get("after"); text != "" {
		if ask.After, err = strconv.ParseUint(text, 10, 64); err != nil {
			return errMalformed.because("after is not a fence")
		}
	}
	switch user := query.Get("user"); {
	case of.operator:
		ask.User = user
	case user != "":
		return errForbidden
	}
	list, err := l.Grants(r.Context(), ask)
	if err != nil {
		return err
	}
	b := struct {
		Event  string      `json:"event"`
		Cursor string      `json:"cursor"`
		Grants []grantBody `json:"grants"`
		More   bool        `json:"more"`
	}{list.Event, list.Cursor.String(), make([]grantBody, len(list.Grants)), list.More}
	for i, g := range list.Grants {
		b.Grants[i] = grantBody{
			g.Fence, stateNames[g.State], "", g.Reference, g.Seats, g.Places, g.At, g.Until, g.Left.Milliseconds(), g.Paying,
		}
		if of.operator {
			b.Grants[i].User = g.User
		}
	}
	encode(w, http.StatusOK, b)
	return nil
}

package service

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"path"
	"time"

	"github.com/coderrange/ferrous/examples/redbus/service/page"
	"github.com/coderrange/ferrous/seatmap"
)

//go:embed openapi.yaml
var openapi []byte

// handler answers one kind of request. An error is answered by its problem.
type handler func(w http.ResponseWriter, r *http.Request) error

// routes returns all that the service answers. guard is for what needs a key and is bounded
// by limits; what a load balancer asks is bounded by none. A stream has limits of its own.
// There is one mux, since another one would look the path up again.
func (s *Service) routes(guard func(http.Handler) http.Handler) http.Handler {
	mux := http.NewServeMux()
	open := func(pattern string, methods map[string]handler) {
		mux.Handle(pattern, named(pattern, s.answer(methods)))
	}
	keyed := func(pattern string, methods map[string]handler) {
		mux.Handle(pattern, named(pattern, guard(s.answer(methods))))
	}
	open("/healthz", map[string]handler{"GET": func(w http.ResponseWriter, _ *http.Request) error {
		empty(w)
		return nil
	}})
	open("/readyz", map[string]handler{"GET": s.isReady})
	open("/openapi.yaml", map[string]handler{"GET": func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/yaml")
		_, err := w.Write(openapi)
		return err
	}})
	web := page.Handler(page.Options{Event: s.o.Event, Hold: s.o.Hold, Keys: s.o.Keys != nil})
	show := map[string]handler{"GET": func(w http.ResponseWriter, r *http.Request) error {
		web.ServeHTTP(w, r)
		return nil
	}}
	open("/{$}", show)
	for _, name := range page.Files() {
		open(page.Prefix+name, show)
	}
	open(streamRoute, map[string]handler{"GET": s.limitedStream})
	keyed("/v1/events", map[string]handler{"GET": s.events, "POST": s.operators(s.create)})
	keyed("/v1/events/{event}", map[string]handler{"GET": s.event, "DELETE": s.operators(s.remove)})
	keyed("/v1/events/{event}/layout", map[string]handler{"GET": s.layout})
	keyed("/v1/events/{event}/seats", map[string]handler{"GET": s.seats})
	keyed("/v1/events/{event}/seats/{seat}", map[string]handler{"GET": s.seat})
	keyed("/v1/events/{event}/holds", map[string]handler{"GET": s.holds})
	keyed("/v1/events/{event}/grants", map[string]handler{"GET": s.grants})
	keyed("/v1/events/{event}/block", map[string]handler{"POST": s.block})
	keyed("/v1/events/{event}/block-any", map[string]handler{"POST": s.blockAny})
	keyed("/v1/events/{event}/extend", map[string]handler{"POST": s.extend})
	keyed("/v1/events/{event}/release", map[string]handler{"POST": s.release})
	keyed("/v1/events/{event}/book", map[string]handler{"POST": s.book})
	keyed("/v1/events/{event}/cancel", map[string]handler{"POST": s.cancel})
	keyed("/", nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.EscapedPath(); p != "" && p != path.Clean(p) { // no redirects: a client that sends this is wrong
			errNoSuchPath.write(w)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isReady answers whether the service takes requests, and its store does.
func (s *Service) isReady(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	if err := s.readiness(ctx); err != nil {
		return err
	}
	empty(w)
	return nil
}

// readiness returns why the service is not ready. The store is asked for an event that
// nobody has.
func (s *Service) readiness(ctx context.Context) error {
	if !s.ready.Load() {
		return errOverloaded.because("the service is ending")
	}
	_, err := s.o.Store.Counts(ctx, seatmap.CountsRequest{Event: "is the store there?"})
	if errors.Is(err, seatmap.ErrUnknownEvent) {
		return nil
	}
	return err
}

// named tells the recorder the pattern of what a handler answers.
func named(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen, ok := w.(*recorder); ok {
			seen.route = pattern
		}
		next.ServeHTTP(w, r)
	})
}

// answer answers by the method, and names those that there are to a request with another
// one. Without methods there is nothing of that path.
func (s *Service) answer(methods map[string]handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if methods == nil {
			errNoSuchPath.write(w)
			return
		}
		method := r.Method
		if method == http.MethodHead { // net/http leaves the body out
			method = http.MethodGet
		}
		answer := methods[method]
		if answer == nil {
			for method := range methods {
				w.Header().Add("Allow", method)
			}
			errMethod.write(w)
			return
		}
		if err := answer(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// fail answers with the problem of an error.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		s.o.Log.Error("failed", "id", w.Header().Get("X-Request-Id"), "err", err)
	}
	if errors.Is(err, context.Canceled) && errors.Is(r.Context().Err(), context.Canceled) {
		panic(http.ErrAbortHandler) // the client has gone
	}
	p.write(w)
}

// operators refuses all others.
func (s *Service) operators(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !callerOf(r).operator {
			return errForbidden
		}
		return h(w, r)
	}
}

// replayed says in the header whether an answer is a repetition.
func replayed(w http.ResponseWriter, is bool) {
	if is {
		w.Header().Set("Idempotency-Replayed", "true")
	}
}

type createBody struct {
	Event  string         `json:"event"`
	Count  int            `json:"count,omitzero"`
	Seats  []string       `json:"seats,omitzero"`
	Rows   []rowBody      `json:"rows,omitzero"`
	Areas  []areaBody     `json:"areas,omitzero"`
	Closed []string       `json:"closed,omitzero"`
	Limits createLimitsMs `json:"limits,omitzero"`
}

type rowBody struct {
	Section  string   `json:"section,omitzero"`
	Name     string   `json:"name,omitzero"`
	Category string   `json:"category,omitzero"`
	Seats    []string `json:"seats"`
	Aisles   []string `json:"aisles,omitzero"`
	Table    bool     `json:"table,omitzero"`
	Ranks    []uint16 `json:"ranks,omitzero"`
}

type areaBody struct {
	Name     string `json:"name"`
	Section  string `json:"section,omitzero"`
	Category string `json:"category,omitzero"`
	Capacity int    `json:"capacity"`
}

type createLimitsMs struct {
	Seats    int   `json:"seats,omitzero"`
	Holds    int   `json:"holds,omitzero"`
	Lifetime int64 `json:"lifetime_ms,omitzero"`
}

func (s *Service) create(w http.ResponseWriter, r *http.Request) error {
	var b createBody
	k, err := key(r)
	if err != nil {
		return err
	}
	if err := decode(w, r, maxLayout, &b); err != nil {
		return err
	}
	l := seatmap.Layout{Count: b.Count, Seats: b.Seats, Closed: b.Closed}
	for _, row := range b.Rows {
		l.Rows = append(l.Rows, seatmap.Row(row))
	}
	for _, area := range b.Areas {
		l.Areas = append(l.Areas, seatmap.Area(area))
	}
	receipt, err := s.o.Store.Create(r.Context(), seatmap.CreateRequest{
		Event: b.Event, Key: k, Layout: l,
		Limits: seatmap.Limits{Seats: b.Limits.Seats, Holds: b.Limits.Holds, Lifetime: milliseconds(b.Limits.Lifetime)},
	})
	if err != nil {
		return err
	}
	replayed(w, receipt.Replayed)
	empty(w)
	return nil
}

func (s *Service) remove(w http.ResponseWriter, r *http.Request) error {
	k, err := key(r)
	if err != nil {
		return err
	}
	receipt, err := s.o.Store.Remove(r.Context(), seatmap.RemoveRequest{Event: r.PathValue("event"), Key: k})
	if err != nil {
		return err
	}
	replayed(w, receipt.Replayed)
	empty(w)
	return nil
}

type countsBody struct {
	Event     string `json:"event"`
	Available int    `json:"available"`
	Blocked   int    `json:"blocked"`
	Booked    int    `json:"booked"`
	Closed    int    `json:"closed"`
}

func (s *Service) event(w http.ResponseWriter, r *http.Request) error {
	event := r.PathValue("event")
	c, err := s.o.Store.Counts(r.Context(), seatmap.CountsRequest{Event: event})
	if err != nil {
		return err
	}
	encode(w, http.StatusOK, countsBody{event, c.Available, c.Blocked, c.Booked, c.Closed})
	return nil
}

type layoutBody struct {
	Count  int        `json:"count,omitzero"`
	Seats  []string   `json:"seats,omitzero"`
	Rows   []rowBody  `json:"rows,omitzero"`
	Areas  []areaBody `json:"areas,omitzero"`
	Closed []string   `json:"closed,omitzero"`
}

func (s *Service) layout(w http.ResponseWriter, r *http.Request) error {
	l, err := s.o.Store.Layout(r.Context(), seatmap.LayoutRequest{Event: r.PathValue("event")})
	if err != nil {
		return err
	}
	b := layoutBody{Count: l.Count, Seats: l.Seats, Closed: l.Closed}
	for _, row := range l.Rows {
		b.Rows = append(b.Rows, rowBody(row))
	}
	for _, area := range l.Areas {
		b.Areas = append(b.Areas, areaBody(area))
	}
	encode(w, http.StatusOK, b)
	return nil
}

// A seatBody shows nobody who has a seat, except to its holder.
type seatBody struct {
	Seat  string `json:"seat"`
	State string `json:"state"`
	Left  int64  `json:"left_ms,omitzero"`
	Mine  bool   `json:"mine,omitzero"`
}

func seatOf(i seatmap.SeatInfo, user string) seatBody {
	return seatBody{i.Seat, stateNames[i.State], i.Left.Milliseconds(), user != "" && i.User == user}
}

var stateNames = map[seatmap.SeatState]string{
	seatmap.SeatAvailable: "available", seatmap.SeatBlocked: "blocked",
	seatmap.SeatBooked: "booked", seatmap.SeatClosed: "closed",
}

type seatsBody struct {
	Event  string     `json:"event"`
	Cursor string     `json:"cursor"`
	Seats  []seatBody `json:"seats"`
	Areas  []areaInfo `json:"areas,omitzero"`
	More   bool       `json:"more"`
}

type areaInfo struct {
	Area      string `json:"area"`
	Available int    `json:"available"`
}

func seatsOf(shot seatmap.Snapshot, user string) seatsBody {
	b := seatsBody{Event: shot.Event, Cursor: shot.Cursor.String(), Seats: make([]seatBody, len(shot.Seats)), More: shot.More}
	for i, seat := range shot.Seats {
		b.Seats[i] = seatOf(seat, user)
	}
	for _, area := range shot.Areas {
		b.Areas = append(b.Areas, areaInfo{area.Area, area.Available})
	}
	return b
}

// maxPage is how many seats, events, or holds and bookings one page can have.
const maxPage = 10_000

func (s *Service) seats(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	most, err := limitOf(r)
	if err != nil {
		return err
	}
	shot, err := s.o.Store.Seats(r.Context(), seatmap.SeatsRequest{Event: r.PathValue("event"), After: query.Get("after"), Limit: most})
	if err != nil {
		return err
	}
	encode(w, http.StatusOK, seatsOf(shot, callerName(r)))
	return nil
}

func (s *Service) seat(w http.ResponseWriter, r *http.Request) error {
	info, err := s.o.Store.Seat(r.Context(), seatmap.SeatRequest{Event: r.PathValue("event"), Seat: r.PathValue("seat")})
	if err != nil {
		return err
	}
	encode(w, http.StatusOK, seatOf(info, callerName(r)))
	return nil
}

// A holdBody is a hold for its owner. A list of holds has no tokens.
type holdBody struct {
	Token  string         `json:"token,omitzero"`
	Seats  []string       `json:"seats,omitzero"`
	Places map[string]int `json:"places,omitzero"`
	At     time.Time      `json:"at"`
	Until  time.Time      `json:"until"`
	Left   int64          `json:"left_ms"`
}

func hold(w http.ResponseWriter, status int, h seatmap.Hold) {
	replayed(w, h.Replayed)
	encode(w, status, holdBody{h.Token.Reveal(), h.Seats, h.Places, h.At, h.Until, h.Left.Milliseconds()})
}

func (s *Service) holds(w http.ResponseWriter, r *http.Request) error {
	list, err := s.o.Store.Holds(r.Context(), seatmap.HoldsRequest{Event: r.PathValue("event"), User: callerName(r)})
	if err != nil {
		return err
	}
	b := struct {
		Holds []holdBody `json:"holds"`
	}{make([]holdBody, len(list))}
	for i, h := range list {
		b.Holds[i] = holdBody{"", h.Seats, h.Places, h.At, h.Until, h.Left.Milliseconds()}
	}
	encode(w, http.StatusOK, b)
	return nil
}

type blockBody struct {
	Seats     []string       `json:"seats,omitzero"`
	Places    map[string]int `json:"places,omitzero"`
	TTL       int64          `json:"ttl_ms"`
	ListTaken bool           `json:"list_taken,omitzero"`
	Reference string         `json:"reference,omitzero"`
}

func (s *Service) block(w http.ResponseWriter, r *http.Request) error {
	var b blockBody
	k, err := key(r)
	if err != nil {
		return err
	}
	if err := decode(w, r, maxBody, &b); err != nil {
		return err
	}
	if err := s.referred(b.Reference); err != nil {
		return err
	}
	h, err := s.o.Store.Block(r.Context(), seatmap.BlockRequest{
		Event: r.PathValue("event"), User: callerName(r), Key: k,
		Seats: b.Seats, Places: b.Places, TTL: milliseconds(b.TTL), ListTaken: b.ListTaken,
		Reference: b.Reference,
	})
	if err != nil {
		return err
	}
	hold(w, http.StatusCreated, h)
	return nil
}

type blockAnyBody struct {
	N        int      `json:"n"`
	TTL      int64    `json:"ttl_ms"`
	Prefix   string   `json:"prefix,omitzero"`
	Section  string   `json:"section,omitzero"`
	Category string   `json:"category,omitzero"`
	Rows     []string `json:"rows,omitzero"`
	Adjacent bool     `json:"adjacent,omitzero"`
	Singles  string   `json:"singles,omitzero"`

	Reference string `json:"reference,omitzero"`
}

var singles = map[string]seatmap.Singles{
	"": seatmap.SinglesAllowed, "allowed": seatmap.SinglesAllowed,
	"avoided": seatmap.SinglesAvoided, "refused": seatmap.SinglesRefused,
}

func (s *Service) blockAny(w http.ResponseWriter, r *http.Request) error {
	var b blockAnyBody
	k, err := key(r)
	if err != nil {
		return err
	}
	if err := decode(w, r, maxBody, &b); err != nil {
		return err
	}
	alone, ok := singles[b.Singles]
	if !ok {
		return errMalformed.because("singles is none of allowed, avoided, refused")
	}
	if err := s.referred(b.Reference); err != nil {
		return err
	}
	h, err := s.o.Store.BlockAny(r.Context(), seatmap.BlockAnyRequest{
		Event: r.PathValue("event"), User: callerName(r), Key: k, N: b.N, TTL: milliseconds(b.TTL), Reference: b.Reference,
		Where: seatmap.Where{
			Prefix: b.Prefix, Section: b.Section, Category: b.Category, Rows: b.Rows,
			Adjacent: b.Adjacent, Singles: alone,
		},
	})
	if err != nil {
		return err
	}
	hold(w, http.StatusCreated, h)
	return nil
}

// A tokenBody is a request about a hold or booking. Without seats and places it means
// all of it.
type tokenBody struct {
	Token  string         `json:"token"`
	Seats  []string       `json:"seats,omitzero"`
	Places map[string]int `json:"places,omitzero"`
}

// token reads the body of a request about a hold or booking of the event in the path.
func token(w http.ResponseWriter, r *http.Request) (b tokenBody, t seatmap.Token, k seatmap.Key, err error) {
	if k, err = key(r); err != nil {
		return b, t, k, err
	}
	if err = decode(w, r, maxBody, &b); err != nil {
		return b, t, k, err
	}
	t, err = tokenOf(r, b.Token)
	return b, t, k, err
}

// tokenOf returns a token, which must be of the event in the path.
func tokenOf(r *http.Request, text string) (seatmap.Token, error) {
	t, err := seatmap.ParseToken(text)
	if err == nil && t.Event != r.PathValue("event") {
		err = seatmap.ErrToken
	}
	return t, err
}

func (s *Service) book(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Token     string         `json:"token"`
		Seats     []string       `json:"seats,omitzero"`
		Places    map[string]int `json:"places,omitzero"`
		Reference string         `json:"reference,omitzero"`
	}
	k, err := key(r)
	if err != nil {
		return err
	}
	if err := decode(w, r, maxBody, &b); err != nil {
		return err
	}
	if err := s.referred(b.Reference); err != nil {
		return err
	}
	t, err := tokenOf(r, b.Token)
	if err != nil {
		return err
	}
	booking, err := s.o.Store.Book(r.Context(), seatmap.BookRequest{
		Token: t, User: callerName(r), Key: k, Seats: b.Seats, Places: b.Places, Reference: b.Reference,
	})
	if err != nil {
		return err
	}
	replayed(w, booking.Replayed)
	encode(w, http.StatusCreated, struct {
		Token  string         `json:"token"`
		Seats  []string       `json:"seats,omitzero"`
		Places map[string]int `json:"places,omitzero"`
		At     time.Time      `json:"at"`
	}{booking.Token.Reveal(), booking.Seats, booking.Places, booking.At})
	return nil
}

func (s *Service) release(w http.ResponseWriter, r *http.Request) error {
	b, t, k, err := token(w, r)
	if err != nil {
		return err
	}
	receipt, err := s.o.Store.Release(r.Context(), seatmap.ReleaseRequest{Token: t, User: callerName(r), Key: k, Seats: b.Seats, Places: b.Places})
	if err != nil {
		return err
	}
	replayed(w, receipt.Replayed)
	empty(w)
	return nil
}

func (s *Service) cancel(w http.ResponseWriter, r *http.Request) error {
	b, t, k, err := token(w, r)
	if err != nil {
		return err
	}
	receipt, err := s.o.Store.Cancel(r.Context(), seatmap.CancelRequest{Token: t, User: callerName(r), Key: k, Seats: b.Seats, Places: b.Places})
	if err != nil {
		return err
	}
	replayed(w, receipt.Replayed)
	empty(w)
	return nil
}

func (s *Service) extend(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Token string `json:"token"`
		TTL   int64  `json:"ttl_ms"`
	}
	k, err := key(r)
	if err != nil {
		return err
	}
	if err := decode(w, r, maxBody, &b); err != nil {
		return err
	}
	t, err := tokenOf(r, b.Token)
	if err != nil {
		return err
	}
	h, err := s.o.Store.Extend(r.Context(), seatmap.ExtendRequest{Token: t, User: callerName(r), Key: k, TTL: milliseconds(b.TTL)})
	if err != nil {
		return err
	}
	hold(w, http.StatusOK, h)
	return nil
}

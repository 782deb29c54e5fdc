package seatmap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/coderrange/ferrous/seatmap/internal/port"
)

// This file tells stores on servers what requests with a key are compared by, and what
// an export has.

func init() {
	port.PrintOf = portPrint
	port.ProofOf = func(token any) port.Proof {
		t := token.(Token)
		return portProof(tokenPrint{t.Fence, t.seat, t.tag})
	}
	port.TokenOf = func(event string, p port.Proof) any {
		return Token{Event: event, Fence: p.Fence, seat: p.First, tag: tagOfSecret(p.Secret[:])}
	}
	port.SecretsOf = func(k port.Key) func(fence uint64, first uint32) [16]byte {
		return formerKey{k.Tags, k.Secrets}.secretsOf()
	}
	port.NamesOf = func(layout any) (port.Names, []int, error) {
		l := layout.(Layout)
		ls, closed, err := l.labels()
		slices.Sort(closed)
		return portNames{ls}, slices.Compact(closed), err
	}
	port.Read = readPort
}

// portNames implements [port.Names].
type portNames struct{ ls *labels }

func (n portNames) Len() int                      { return n.ls.count }
func (n portNames) Label(seat int) string         { return n.ls.label(seat) }
func (n portNames) Seat(label string) (int, bool) { return n.ls.seat(label) }

func portProof(p tokenPrint) port.Proof {
	if p == (tokenPrint{}) {
		return port.Proof{}
	}
	return port.Proof{Fence: p.fence, First: p.seat, Secret: p.tag.secret()}
}

// portPrint returns the print of a request of which a store on a server keeps the answer. That of
// an operator does not say which hold or booking it names.
func portPrint(request any) port.Print {
	switch r := request.(type) {
	case CreateRequest:
		return portCreate(r.Layout.print(), r.Limits)
	case RemoveRequest:
		return port.Print{Method: "Remove"}
	case BlockRequest:
		return portRequest(printOfBlock(&r))
	case BlockAnyRequest:
		return portRequest(printOfBlockAny(&r))
	case BookRequest:
		return portRequest(printOfBook(&r))
	case ReleaseRequest:
		return portRequest(printOfPart(methodRelease, &r))
	case CancelRequest:
		part := ReleaseRequest(r)
		return portRequest(printOfPart(methodCancel, &part))
	case ExtendRequest:
		return portRequest(printOfExtend(&r))
	case PaymentRequest:
		return portRequest(printOfPayment(&r))
	case EndPaymentRequest:
		return portRequest(printOfEndPayment(&r))
	case RevokeRequest:
		return portRequest(printOfRevoke(&r, tokenPrint{}))
	case ReissueRequest:
		return portRequest(printOfReissue(tokenPrint{}))
	case MoveRequest:
		return portRequest(printOfMove(&r, tokenPrint{}))
	case ReserveRequest:
		return portRequest(printOfReserve(&r))
	case ReserveAnyRequest:
		return portRequest(printOfReserveAny(&r))
	case CloseSeatsRequest:
		return portRequest(printOfSale(methodCloseSeats, r.Seats))
	case OpenSeatsRequest:
		return portRequest(printOfSale(methodOpenSeats, r.Seats))
	case SetQuotaRequest:
		return portRequest(printOfSetQuota(&r))
	}
	panic(fmt.Errorf("seatmap: a %T has no print", request))
}

func portCreate(layout uint64, limits Limits) port.Print {
	return port.Print{Method: "Create", Layout: layout, Limits: addText(1, fmt.Sprint(limits))}
}

func portRequest(p fingerprint) port.Print {
	return port.Print{
		Method: methodNames[p.method], N: p.n, TTL: p.ttl, Seats: p.seats, Places: p.places, Where: p.where,
		Reference: p.reference, Token: portProof(p.token),
	}
}

// portPart is how many holds, bookings and answers a part of an export has, about.
const portPart = 1000

// porting is an import for a store on a server.
type porting struct {
	event *port.Event
	part  *port.Part // the next one
	next  func(*port.Event, *port.Part) error
}

// readPort reads an export to the end.
func readPort(ctx context.Context, from io.Reader, next func(*port.Event, *port.Part) error) (*port.Event, error) {
	m := NewMap(MapOptions{Manual: true})
	defer func() { _ = m.Close() }()
	out := &port.Event{}
	i := &importer{
		m: m, r: &ImportRequest{}, from: from, at: m.clock.wallTime(), of: noSeat, out: &porting{out, &port.Part{}, next},
	}
	if err := i.read(func() error { return m.check(ctx, "Import") }); err != nil {
		return nil, err
	}
	layout, err := i.e.layout()
	if err != nil {
		return nil, err
	}
	out.Layout = layout
	for seat := range out.Count {
		if SeatState(i.e.plan.word(seat)&stateMask) == SeatClosed {
			out.Closed = append(out.Closed, uint32(seat))
		}
	}
	for seat, by := range i.off {
		out.Sales = append(out.Sales, port.Sale{Seat: seat, Closed: true, Actor: by.actor, Reason: by.reason, Quota: i.quotas[seat]})
	}
	for seat, quota := range i.quotas {
		if _, also := i.off[seat]; !also {
			out.Sales = append(out.Sales, port.Sale{Seat: seat, Quota: quota})
		}
	}
	slices.SortFunc(out.Sales, func(a, b port.Sale) int { return cmp.Compare(a.Seat, b.Seat) })
	if c := i.e.created; c != nil {
		out.CreateKey, out.Create = c.key, portCreate(c.layout, c.limits)
	}
	i.beyond(len(layout.Areas) > 0, "areas")
	i.beyond(i.off != nil, port.Sales)
	i.beyond(i.quotas != nil, port.Quotas)
	return out, nil
}

// tellHead tells what comes before all holds, bookings and answers.
func (i *importer) tellHead() {
	h, e := &i.head, i.out.event
	e.Name, e.At, e.Fence, e.Revision = h.event, time.Unix(0, h.at), h.fence, h.revision
	e.Limits, e.Count = h.limits, i.e.plan.count
	for _, key := range i.keys {
		e.Keys = append(e.Keys, port.Key{Tags: key.tags, Secrets: key.secrets})
	}
	i.beyond(h.limits.Payment != 0, port.Payments)
}

// tellPart tells the part that there is so far.
func (i *importer) tellPart() error {
	part := i.out.part
	if len(part.Grants)+len(part.Answers) == 0 {
		return nil
	}
	i.out.part = &port.Part{Grants: make([]port.Grant, 0, portPart), Answers: make([]port.Answer, 0, portPart)}
	return i.out.next(i.out.event, part)
}

// beyond notes what only some stores have.
func (i *importer) beyond(has bool, name string) {
	if e := i.out.event; has && !slices.Contains(e.Beyond, name) {
		e.Beyond = append(e.Beyond, name)
	}
}

// tellGrant adds a hold or booking.
func (i *importer) tellGrant(t *exportedHold) error {
	if len(i.out.part.Grants) >= portPart {
		if err := i.tellPart(); err != nil {
			return err
		}
	}
	i.beyond(t.endless, port.Operators)
	i.beyond(t.by != (doing{}), port.Operators)
	i.beyond(t.ref != "", port.References)
	i.beyond(t.pay != nil, port.Payments)
	i.beyond(len(t.places) > 0, "areas")
	grant := port.Grant{
		Proof: port.Proof{Fence: t.fence, First: t.first, Secret: t.secret}, User: t.user, Booked: t.state == SeatBooked,
		At: time.Unix(0, t.at), Left: time.Duration(t.left), Seats: t.seats, Reference: t.ref, Endless: t.endless, Actor: t.by.actor, Reason: t.by.reason,
	}
	if pay := t.pay; pay != nil {
		grant.Payment = &port.Payment{Own: time.Duration(pay.own), Began: time.Duration(pay.began), Left: time.Duration(pay.until)}
	}
	i.out.part.Grants = append(i.out.part.Grants, grant)
	return nil
}

// tellAnswer adds an answer.
func (i *importer) tellAnswer(a *exportedAnswer) error {
	if a.isOld && len(i.out.part.Answers) >= portPart {
		if err := i.tellPart(); err != nil {
			return err
		}
	}
	switch m := a.fingerprint.method; {
	case m == methodBeginPayment || m == methodEndPayment:
		i.beyond(true, port.Payments)
	case m == methodCloseSeats || m == methodOpenSeats:
		i.beyond(true, port.Sales)
	case m == methodSetQuota:
		i.beyond(true, port.Quotas)
	case m > methodCancel:
		i.beyond(m != methodAddSeats, port.Operators)
		i.beyond(m == methodAddSeats, "answers to operators")
	}
	i.beyond(a.fingerprint.reference != 0, port.References)
	out := port.Answer{
		User: a.user, Key: a.key, Print: portRequest(a.fingerprint), Of: len(i.out.part.Grants) - 1, Left: time.Duration(a.left),
		Proof: port.Proof{Fence: a.fence, First: a.first, Secret: a.secret}, Owner: a.user, At: time.Unix(0, a.at),
		Until: time.Duration(a.until), Holds: a.hasUntil, Seats: a.seats, Paying: a.paying,
	}
	if a.isOld {
		out.Of = -1
	}
	if a.owner != "" {
		out.Owner = a.owner
	}
	i.out.part.Answers = append(i.out.part.Answers, out)
	return nil
}

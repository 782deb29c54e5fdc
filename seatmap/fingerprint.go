package seatmap

import (
	"math/bits"
	"time"
)

// This file says when two requests with one key are the same request. A fingerprint is
// part of an export, so it is the same in every process. It need not be hard to forge:
// it is compared for one user and one key only, so a user could deceive nobody else.

// fingerprint is a short form of all that a request with a key asks for. Fields
// that a method does not have are 0.
type fingerprint struct {
	method method
	n      int
	ttl    time.Duration
	seats  uint64 // hash
	places uint64 // hash
	where  uint64 // hash
	token  tokenPrint

	reference uint64 // hash
}

// tokenPrint is a token of the event.
type tokenPrint struct {
	fence uint64
	seat  uint32
	tag   tag
}

type method uint8

const (
	methodBlock method = iota
	methodBlockAny
	methodBook
	methodRelease
	methodExtend
	methodCancel
	methodRevoke
	methodReissue
	methodMove
	methodReserve
	methodBeginPayment
	methodEndPayment
	methodCloseSeats
	methodOpenSeats
	methodReserveAny
	methodAddSeats
	methodSetQuota
)

// methodNames are the names of the methods in an export.
var methodNames = [...]string{"Block", "BlockAny", "Book", "Release", "Extend", "Cancel", "Revoke", "Reissue", "Move", "Reserve", "BeginPayment", "EndPayment", "CloseSeats", "OpenSeats", "ReserveAny", "AddSeats", "SetQuota"}

// differs returns in what p differs from other.
func (p fingerprint) differs(other fingerprint) (names []string) {
	if p.method != other.method {
		return []string{"method"}
	}
	ofSeat := p.method == methodRevoke || p.method == methodReissue || p.method == methodMove
	seats, where := "Seats", "Where"
	switch p.method { //nolint:exhaustive // the others have these fields by these names
	case methodBlock:
		where = "Quotas"
	case methodSetQuota:
		where = "Quota"
	case methodMove:
		seats = "To"
	case methodReserve:
		where = "User"
	case methodReserveAny:
		seats = "User"
	case methodAddSeats:
		seats = "Layout"
	}
	for _, field := range []struct {
		name string
		same bool
	}{
		{"Token", ofSeat || p.token == other.token},
		{"Seat", !ofSeat || p.token.seat == other.token.seat},
		{"Fence", !ofSeat || p.token.fence == other.token.fence},
		{seats, p.seats == other.seats},
		{"Places", p.places == other.places},
		{"N", p.n == other.n},
		{where, p.where == other.where},
		{"TTL", p.ttl == other.ttl},
		{"Reference", p.reference == other.reference},
	} {
		if !field.same {
			names = append(names, field.name)
		}
	}
	return names
}

func printOfBlock(r *BlockRequest) fingerprint {
	return fingerprint{
		method: methodBlock, seats: printOfSeats(r.Seats), places: printOfPlaces(r.Places), ttl: r.TTL,
		reference: printOfReference(r.Reference), where: printOfQuotas(r.Quotas),
	}
}

func printOfBlockAny(r *BlockAnyRequest) fingerprint {
	return fingerprint{
		method: methodBlockAny, n: r.N, where: printOfWhere(&r.Where), ttl: r.TTL, reference: printOfReference(r.Reference),
	}
}

func printOfBook(r *BookRequest) fingerprint {
	return fingerprint{
		method: methodBook, seats: printOfSeats(r.Seats), places: printOfPlaces(r.Places), token: printOfToken(&r.Token),
		reference: printOfReference(r.Reference),
	}
}

// printOfPart returns the fingerprint of a Release, or of a Cancel.
func printOfPart(method method, r *ReleaseRequest) fingerprint {
	return fingerprint{method: method, seats: printOfSeats(r.Seats), places: printOfPlaces(r.Places), token: printOfToken(&r.Token)}
}

func printOfExtend(r *ExtendRequest) fingerprint {
	return fingerprint{method: methodExtend, ttl: r.TTL, token: printOfToken(&r.Token)}
}

func printOfPayment(r *PaymentRequest) fingerprint {
	return fingerprint{method: methodBeginPayment, ttl: r.TTL, token: printOfToken(&r.Token)}
}

func printOfEndPayment(r *EndPaymentRequest) fingerprint {
	return fingerprint{method: methodEndPayment, token: printOfToken(&r.Token)}
}

func printOfRevoke(r *RevokeRequest, of tokenPrint) fingerprint {
	return fingerprint{method: methodRevoke, seats: printOfSeats(r.Seats), places: printOfPlaces(r.Places), token: of}
}

func printOfReissue(of tokenPrint) fingerprint { return fingerprint{method: methodReissue, token: of} }

func printOfMove(r *MoveRequest, of tokenPrint) fingerprint {
	return fingerprint{method: methodMove, seats: printOfSeats(r.To), places: printOfPlaces(r.Places), token: of}
}

func printOfReserve(r *ReserveRequest) fingerprint {
	return fingerprint{
		method: methodReserve, seats: printOfSeats(r.Seats), places: printOfPlaces(r.Places), where: addText(1, r.User),
	}
}

func printOfReserveAny(r *ReserveAnyRequest) fingerprint {
	return fingerprint{method: methodReserveAny, n: r.N, where: printOfWhere(&r.Where), seats: addText(1, r.User)}
}

// printOfSale returns the fingerprint of a CloseSeats or OpenSeats.
func printOfSale(method method, seats []string) fingerprint {
	return fingerprint{method: method, seats: printOfSeats(seats)}
}

func printOfSetQuota(r *SetQuotaRequest) fingerprint {
	return fingerprint{method: methodSetQuota, seats: printOfSeats(r.Seats), where: addText(1, r.Quota)}
}

func printOfToken(t *Token) tokenPrint { return tokenPrint{t.Fence, t.seat, t.tag} }

// printOfSeats returns the hash of a list of seats. Nil, which may mean all, differs
// from a list that names all.
func printOfSeats(seats []string) uint64 {
	if seats == nil {
		return 0
	}
	print := uint64(len(seats)) + 1
	for _, seat := range seats {
		print = addText(print, seat)
	}
	return print
}

// printOfPlaces returns the hash of numbers of places, in whatever order they come.
// Nil, which may mean all, differs from an empty map.
func printOfPlaces(places map[string]int) uint64 {
	if places == nil {
		return 0
	}
	print := uint64(len(places)) + 1
	for area, n := range places {
		print += addText(uint64(n), area)
	}
	return print
}

// printOfReference returns the hash of a reference; 0 if there is none.
func printOfReference(text string) uint64 {
	if text == "" {
		return 0
	}
	return addText(1, text)
}

func printOfWhere(w *Where) uint64 {
	print := printOfSeats(w.Rows)
	for _, text := range [...]string{w.Prefix, w.Section, w.Category} {
		print = addText(print, text)
	}
	if w.Adjacent {
		print++
	}
	return mix(print, uint64(w.Singles)) ^ printOfQuotas(w.Quotas)
}

// printOfQuotas returns the hash of a list of quotas; 0 if there are none.
func printOfQuotas(names []string) uint64 {
	if len(names) == 0 {
		return 0
	}
	return printOfSeats(names)
}

// addText adds a text to a hash of what came before it. It multiplies as wyhash does,
// eight bytes at a time.
func addText(h uint64, text string) uint64 {
	const k0, k1 = 0xA0761D6478BD642F, 0xE7037ED1A0B428DB
	mum := func(a, b uint64) uint64 {
		high, low := bits.Mul64(a, b)
		return high ^ low
	}
	h = mum(h^uint64(len(text))^k0, k1)
	for ; len(text) >= 8; text = text[8:] {
		h = mum(h^(half(text)|half(text[4:])<<32)^k0, k1)
	}
	rest := uint64(0)
	for i := range len(text) {
		rest = rest<<8 | uint64(text[i])
	}
	return mum(h^rest^k1, k0)
}

package main

import "time"

// figure is one number that the simulation rests on, and where it comes from.
type figure struct {
	what   string
	value  time.Duration
	source string
}

// The figures of the service in front of the stores.
var (
	httpRequest = figure{"a request of the whole service", 46500 * time.Nanosecond, "performance/service.md, refusals, 64 connections"}
	delivery    = figure{"a change to one client over server-sent events", 18 * time.Microsecond, "a prototype of the service with 50,000 clients, one change a second"}
	network     = figure{"a message between service and store, one way", 100 * time.Microsecond, "assumed: one data centre; never measured here"}
)

// store is what a kind of store costs its server. An event is at one shard of the store; a
// shard decides one request after the other.
type store struct {
	name string
	// block and refuse are the server's time for a request.
	block, refuse figure
	// fixed is what a batch of requests costs beside them, and batch how many requests
	// are in one at most. A store that does not collect has batches of one.
	fixed figure
	batch int
	watch figure // a change, for each client that watches
	// local says that the store is a part of the service: a request needs no message.
	local bool
	// row is the time for which a request occupies its event alone, if that is longer than
	// the time of the server: the server works for other events meanwhile.
	row figure
}

var (
	memory = store{
		name:   "Map",
		block:  figure{"", 580 * time.Nanosecond, "performance/seatmap.md, Pair, store-key; a block and a release"},
		refuse: figure{"", 27 * time.Nanosecond, "performance/seatmap.md, Refuse, store-key"},
		watch:  figure{"", 400 * time.Nanosecond, "BenchmarkWatch of bench/scaling, 256 watchers, busy machine"},
		batch:  1, local: true,
	}
	journaled = store{
		name:   "journal",
		block:  figure{"", 3 * time.Microsecond, "fitted to performance/journal.md, Book; see the test"},
		refuse: figure{"", 51 * time.Nanosecond, "performance/journal.md, one processor"},
		fixed:  figure{"a sync", 1000 * time.Microsecond, "fitted likewise; a virtual disk"},
		watch:  figure{"", 400 * time.Nanosecond, "as Map"},
		batch:  1 << 20, local: true,
	}
	redis = store{
		name:   "Redis",
		block:  figure{"", 35 * time.Microsecond, "performance/redisseat.md, keyed, the server's processor time"},
		refuse: figure{"", 13 * time.Microsecond, "BenchmarkRefusals of redisseat, likewise"},
		watch:  figure{"", 11 * time.Microsecond, "BenchmarkWatch of redisseat, 8 watchers, likewise"},
		batch:  1,
	}
	postgres = store{
		name:   "PostgreSQL",
		block:  figure{"", 125 * time.Microsecond, "a prototype: 6,000 to 10,000 bookings/s over many events"},
		refuse: figure{"", 60 * time.Microsecond, "assumed: half a booking, without its sync"},
		row:    figure{"the event's row", 710 * time.Microsecond, "a prototype: 1,200 to 1,600 bookings/s of one event"},
		watch:  figure{"", 100 * time.Microsecond, "assumed: one notification after the commit"},
		batch:  1,
	}
	collecting = store{
		name:   "PostgreSQL, collecting",
		block:  figure{"", 25 * time.Microsecond, "performance/pgseat.md, 256 callers, the server's processor time without the transaction's"},
		refuse: figure{"", 10 * time.Microsecond, "a first measurement of pgseat, likewise"},
		fixed:  figure{"a transaction", 1500 * time.Microsecond, "performance/pgseat.md, one caller, the server's processor time"},
		watch:  figure{"", 100 * time.Microsecond, "assumed: one notification after the commit"},
		batch:  512,
	}
	stores = []*store{&memory, &journaled, &redis, &postgres, &collecting}
)

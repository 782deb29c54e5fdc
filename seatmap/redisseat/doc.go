// Package redisseat is a [seatmap.Store] on Redis, for services that have outgrown one
// machine.
//
// # What a failover or a restart can lose
//
// Redis answers before its replicas have the change. So if a replica takes over, holds
// and bookings that were acknowledged in the last moments can be lost, and their seats
// may be sold again. A master that is cut off can acknowledge some more, which are lost
// too. The WAIT command ([Options.Replicas]) makes this rarer, but not impossible. In a
// trial of this design with a replica behind a line with a delay of 20 ms, a kill of the
// master lost 1,300 to 1,800 of 33,000 to 61,000 acknowledged holds. With WAIT it lost
// none, at 3,000 holds a second. Keep the bookings of record in a database or in a journal
// (package seatmap/journal), and compare them after each failover.
//
// A single server with appendfsync always loses nothing that it acknowledged if it is killed
// and restarted. With everysec, a loss of power takes what was acknowledged since the last
// sync: a second's worth, or two if the disk is slow. If only the process is killed, what it
// has written is there: 18 kills under load, on a busy machine with a fast disk, lost none of
// 276,000 acknowledged bookings. While a sync takes long, up to two seconds' worth is not
// written yet and is lost, too.
//
// A token of a lost hold gets [seatmap.ErrExpired]. Fences and revisions come from the
// server's clock and rise with each change. So one that was lost is not used again, unless
// the clock of the new master is behind by more than the failover took.
//
// # Outages
//
// A call fails with [seatmap.ErrUnavailable] if the server did not carry it out, and with
// [seatmap.ErrOutcomeUnknown] if it may have: the connection was lost, or the context ended,
// before the answer came. Repeat a call with its [seatmap.Key] to get the answer, or let
// [Options.Retry] do so. A hold whose call had no key is found by Holds, and ends at its
// deadline. The client connects again with the next call, also after a server has refused a change
// because it has become a replica; until then reads are of that replica. A call without a deadline waits
// for about ConnWriteTimeout of the client's options, which is 10 s if it is zero.
//
// # How it works
//
// Each request is one Lua script, which reads the server's time. All keys of an event are
// in one slot of a cluster; the events are spread over a fixed number of buckets. The
// states of all seats are one string with 9 bytes a seat. The layout is stored once for
// each creation of the event, and clients cache it: callers who need one at once load it once,
// and a client keeps two million labels in about 200 MB at most; labels that are numbers do
// not count. The server must have 64 bits.
//
// A hold that is due ends with the next call that reads or changes its event, or by
// [Store.Sweep] of any client. Each bucket has an index of the events that have holds, by the
// time at which the first of them ends. By default the clients together sweep about once a
// second. An event that a version without the index has changed last is found again after its
// next change.
//
// A call takes the server longer the more seats it names. An event of a million seats is
// created, imported, read and removed in parts, so that the server does other work in between; only
// the string of the states is read at once. A call of BlockAny reads the states of all
// seats. If a client ends in the middle of Remove, the event is removed, and the answers
// to the keys of its holds and bookings can stay in the server's memory.
//
// # What the server needs
//
// The server must have maxmemory-policy noeviction: any other policy throws seats, holds and answers
// away. A server that is out of memory refuses what needs some with [seatmap.ErrUnavailable]. Reads go on,
// holds end, and Release, Cancel and Remove work, but for those of a part of a hold or booking.
//
// While a slot of a cluster moves to another node, calls about its events can fail with
// [seatmap.ErrUnavailable] until all of its keys have moved.
//
// A user of an ACL needs the rights that docs/operations.md names. With Redis 7 or later, Open fails if one
// is missing. With Redis 6 a script would fail in the middle, and leave the event damaged.
//
// # Secrets
//
// The text of a key and the secret of a token never reach the server: it gets hashes, and
// fences. So its log of slow queries shows names of events and users and the numbers of
// seats, and nothing that is worth anything to others. The key that ends with "}secret" is
// what tokens are made from. Whoever can read it can make tokens. MONITOR shows it, too.
//
// The keys with which another store has made the tokens of an event that was imported are in
// the event's hash, and can be read there.
//
// # Moving an event here
//
// [Store.Import] takes what a [seatmap.Map], a journal or another [seatmap.Porter] has
// exported. Export with Remove, import, and send the clients here: their tokens and keys go on
// working. An export that has what this store lacks is refused, and the error says what.
// There is no export: the server has only hashes of the keys, and another store would need
// their texts.
//
// This version has no areas and is no [seatmap.Operator], [seatmap.Payer],
// [seatmap.Porter], since it does not export, [seatmap.SeatCloser] or [seatmap.SeatAdder].
package redisseat

// Package redisseat is a [seatmap.Store] on Redis, for services that have outgrown one
// machine.
//
// # What a failover can lose
//
// Redis answers before its replicas have the change. So if a replica takes over, holds
// and bookings that were acknowledged in the last moments can be lost, and their seats
// may be sold again. A master that is cut off can acknowledge some more, which are lost
// too. The WAIT command makes this rarer, but not impossible. Keep the bookings of record
// in a database or in a journal (package seatmap/journal), and compare them after each
// failover. A single server with appendfsync always loses nothing that it acknowledged if
// it is killed and restarted.
//
// A token of a lost hold gets [seatmap.ErrExpired]. Fences and revisions come from the
// server's clock and rise with each change. So one that was lost is not used again, unless
// the clock of the new master is behind by more than the failover took.
//
// # How it works
//
// Each request is one Lua script, which reads the server's time. All keys of an event are
// in one slot of a cluster; the events are spread over a fixed number of buckets. The
// states of all seats are one string with 9 bytes a seat. The layout is stored once for
// each creation of the event, and clients cache it.
//
// This version has no areas and is no [seatmap.Operator], [seatmap.Payer] or
// [seatmap.Porter].
package redisseat

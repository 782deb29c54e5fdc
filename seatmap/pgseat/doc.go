// Package pgseat is a [seatmap.Store] on PostgreSQL, for the bookings of record of many
// machines.
//
// # What an outage can lose
//
// A call returns when its transaction is on the disk of the server, whatever the database's
// default of synchronous_commit is. So nothing that was acknowledged is lost if the server is
// killed and started again. If a replica takes over, the same holds for a synchronous one
// (synchronous_standby_names). An asynchronous one can lack the last moments; fences and
// revisions come from the server's clock and rise with each change, so one that was lost is
// not used again, unless the clock of the new server is behind by more than the failover
// took. If an administrator cancels the wait for a synchronous one (pg_cancel_backend), the call fails
// with [seatmap.ErrOutcomeUnknown]: the change is made, a failover can lose it, and a repetition
// with its key does not wait again.
//
// A call fails with [seatmap.ErrUnavailable] if the server did not carry it out, and with
// [seatmap.ErrOutcomeUnknown] if its commit was sent, or its context ended on the way, and no
// answer came. Repeat a call with
// its [seatmap.Key] to get the answer, or let [Options.Retry] do so. A hold whose call had no
// key is found by Holds, and ends at its deadline.
//
// # How it works
//
// A transaction locks the rows of its events, reads what it needs, decides in the client, and
// writes. While two are on their way, the requests of this client wait, and go together in
// the next one, up to 512 of them, for one event or for many: they commit once for all. A
// request that is refused does not abort the others. An event that another client has locked,
// or whose rows are damaged, goes in a transaction of its own, as does one with a BlockAny, so
// that the others do not wait for it. A transaction takes two messages to the server and back, one
// more if holds are due, and one more if an operator has closed seats of an event or set them aside
// for a quota. The time is the server's, read after the locks.
//
// A client caches layouts: callers who need one at once load it once, and it keeps two million
// labels in about 200 MB at most; labels that are numbers do not count.
//
// Only seats that are blocked, booked, closed or in a quota have rows. So an event of a million
// seats is created at once; a snapshot reads what is taken, and BlockAny, too. A hold that is
// booked as a whole stays the same row, so that its seats need not be written. Holds that are due
// are ended by the next call that changes or reads their event, or by [Store.Sweep] of any client.
// Remove deletes the event at once and its rows in the other tables later, in parts.
//
// A client that vanishes in the middle keeps an event locked for [Options.Timeout] at most.
//
// # PgBouncer
//
// Nothing is kept in the session: no prepared statement, no LISTEN, no advisory lock beyond a
// transaction. So the server can be reached through a PgBouncer in transaction mode.
//
// # Watches
//
// A watch asks for changes every [Options.Poll]. With [Options.Listen] it hears of them instead:
// a client notifies the others after its commits, by one notification for all that has
// changed since the last one. That connection must reach the server itself. Each watch reads the
// server for itself: 2,000 of one event in a client made a block take 0.8 s. Have one for each
// event in a process, and share what it yields.
//
// # Tables
//
// [Open] makes the tables in the schema pgseat, or brings them to the version of this package.
// The database needs PostgreSQL 13 or later, in any encoding and with any defaults of its settings. The
// user who opens it first, or first with a new version of this package, must be allowed to create the
// schema. Others need USAGE of the schema and of its sequences, and SELECT, INSERT, UPDATE and DELETE of
// its tables. If a statement_timeout is shorter than a call takes, the call fails with
// [seatmap.ErrUnavailable].
//
// # Secrets
//
// The text of a key and the secret of a token never reach the server: it gets hashes, and
// fences. Of an event that was imported it also gets the secrets of the tokens that the other
// store has given out, encrypted; they stay with the event. The table pgseat.store has what tokens
// are made from, and the key of those secrets; whoever can read it can make tokens. The names of
// users and operators, their reasons and references are in the tables and, if statements are logged
// with their values, in the log.
//
// # Moving an event here
//
// [Store.Import] creates an event from what a [seatmap.Map] or a journal has exported. Its tokens and
// keys work as before. There is no export: the database has only hashes of the keys, and whoever
// repeats a request in another store would need their texts.
//
// This version has no areas and is no [seatmap.Porter] or [seatmap.SeatAdder].
package pgseat

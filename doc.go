// Package ferrous is the root of a toolkit after Rust: ownership, borrowing and
// message passing for Go services. What Rust proves at compile time is checked at run
// time, cheaply enough to stay on in production. This package has no code; these
// packages have:
//
//   - many users compete for seats, rooms or slots, with one winner each and holds
//     that expire: [github.com/coderrange/ferrous/seatmap]; on a disk:
//     [github.com/coderrange/ferrous/seatmap/journal]; on Redis:
//     [github.com/coderrange/ferrous/seatmap/redisseat]; on PostgreSQL:
//     [github.com/coderrange/ferrous/seatmap/pgseat]; tests for a store of your own:
//     [github.com/coderrange/ferrous/seatmap/seattest]
//   - the last owner of a value cleans up: [github.com/coderrange/ferrous/rc] in one
//     goroutine, [github.com/coderrange/ferrous/arcmutex] in several
//   - locks that own their value, take a context and report deadlocks:
//     [github.com/coderrange/ferrous/arcmutex]
//   - semaphores, notifications and barriers: [github.com/coderrange/ferrous/sema]
//   - values that nobody may change while another one reads them:
//     [github.com/coderrange/ferrous/refcell]
//   - channels with contexts, batches, broadcasts and a safe end:
//     [github.com/coderrange/ferrous/channel]
//   - goroutines that end with their scope, groups, pools and shared calls:
//     [github.com/coderrange/ferrous/task]
//   - streams of elements that arrive over time, with back pressure:
//     [github.com/coderrange/ferrous/stream], and server-sent events over HTTP:
//     [github.com/coderrange/ferrous/stream/sse]
//   - retries with budgets, circuit breakers, hedged calls and a job queue:
//     [github.com/coderrange/ferrous/retry]; with a file, in a module of its own:
//     [github.com/coderrange/ferrous/retry/boltqueue]
//   - bounds on how often something happens, for each user too, and on how much runs at
//     once: [github.com/coderrange/ferrous/limit], and in front of HTTP handlers and
//     clients: [github.com/coderrange/ferrous/limit/limithttp]
//   - a value that may be absent: [github.com/coderrange/ferrous/option]
//   - a value or an error, and Rust's "?": [github.com/coderrange/ferrous/result]
//   - pipelines over iterators: [github.com/coderrange/ferrous/seq]
//   - pictures of live values in memory: [github.com/coderrange/ferrous/diagram]
//   - find what was not dropped, released or unlocked:
//     [github.com/coderrange/ferrous/track]
//
// # What holds everywhere
//
// TryX does not wait, except OnceLock.TryInsert and, in package seq, what takes a
// function that may fail. Nearly every call that can wait takes a context, or has a form
// that does. A context that is done is reported first, even if the call need not wait,
// but for WithScope, WithGroup and Cond.WaitWhileContext. If a context ends a wait, the
// error matches both ctx.Err and context.Cause with errors.Is. What a function of yours
// returns is passed on as it is.
//
// Drop ends a counted handle, Release a borrow or a permit, Unlock a guard, and Close an
// endpoint or a service. Misuse panics with an error that names the package, type,
// method and state. What can go wrong in a correct program is an error for errors.Is
// and errors.As. Goroutines that wait are durably blocked in the bubbles of
// testing/synctest. No goroutine is left behind.
package ferrous

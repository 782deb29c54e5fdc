package redisseat

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// ErrFormat is the error of an event whose keys another version of this package has
// written, or another program, so that they have other types or lengths. It comes with
// [seatmap.ErrUnavailable]. Nothing has been changed.
var ErrFormat = errors.New("redisseat: the event has another format")

// Options configures a [Store].
type Options struct {
	// Client says how to reach the servers. Open sets DisableRetry, because a request
	// that is sent again could be refused by what it has done itself, and DisableCache.
	// Dialer.Timeout and ConnWriteTimeout bound how long a call without a deadline waits. If
	// ReadBufferEachConn and WriteBufferEachConn are zero, they are 32 KiB, since each watch has a
	// connection, and not the client's half MiB.
	Client rueidis.ClientOption
	// Prefix begins the names of all keys of the store. It has no { and no }. Empty means
	// "seatmap". All clients of a store must have the same.
	Prefix string
	// Buckets is over how many hash slots of a cluster the events are spread. Zero means
	// 256, and 16,384 is the most. All clients of a store must have the same.
	Buckets int
	// Retry says when a call is tried again that the store did not carry out, or that has a
	// key and may have been carried out. Watches go on, too. Nil means that each call is
	// tried once, and that a watch ends with [seatmap.ErrUnavailable]. If a call is carried
	// out at the first attempt and its answer is lost, the next attempt says that it was
	// replayed.
	Retry *retry.Policy
	// Replicas is how many replicas must have a change before its call returns, by WAIT.
	// Then each call has a connection of its own while it lasts. If too few have it in
	// time, the error is [seatmap.ErrOutcomeUnknown]: the change is made, and a failover can
	// lose it. Zero means not to wait.
	Replicas int
	// ReplicaTimeout is how long a call waits for Replicas: a millisecond at least, and a day at
	// most. Zero means one second.
	ReplicaTimeout time.Duration
	// SweepEvery is how often the clients together end the holds that are due, of all events.
	// Each call ends those of its event before it is decided, so that only watchers and the
	// server's memory depend on it. Zero means one second, less than zero that this client
	// does not: then call [Store.Sweep].
	SweepEvery time.Duration
	// Ring is how many changes of each new event are kept for its watchers, about. Zero
	// means 1,024, and 1,048,576 is the most.
	Ring int
}

// The largest Buckets, which is how many hash slots there are, and Ring.
const (
	maxBuckets = 1 << 14
	maxRing    = 1 << 20
)

// Store is a client of the store. It must be made by [Open], is safe for concurrent use,
// and reconnects by itself.
type Store struct {
	self    *Store // the Store itself, so that a copy is noticed
	client  rueidis.Client
	lines   *connections // of the client
	options Options
	mac     *remote.MAC
	// patience is how late the answer to a command that waits can be.
	patience time.Duration
	// form is a map without events. It checks the form of each request: if that is right,
	// the event is unknown.
	form *seatmap.Map
	// ended ends when Close is called.
	ended context.Context
	end   context.CancelFunc
	work  sync.WaitGroup // the sweeper

	shapes remote.Shapes[*shape]
}

var (
	_ seatmap.Store   = (*Store)(nil)
	_ seatmap.Sweeper = (*Store)(nil)
)

// Open connects to the store. The error wraps [seatmap.ErrUnavailable] if it cannot be
// reached. Open panics if an option is out of range or the context is nil.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func Open(ctx context.Context, o Options) (*Store, error) {
	switch {
	case ctx == nil:
		panic(errors.New("redisseat: Open: the context is nil"))
	case strings.ContainsAny(o.Prefix, "{}"):
		panic(fmt.Errorf("redisseat: Open: Prefix is %q, which has a brace", o.Prefix))
	case o.Buckets < 0 || o.Buckets > maxBuckets:
		panic(fmt.Errorf("redisseat: Open: Buckets is %d, not 0 to %d", o.Buckets, maxBuckets))
	case o.Ring < 0 || o.Ring > maxRing:
		panic(fmt.Errorf("redisseat: Open: Ring is %d, not 0 to %d", o.Ring, maxRing))
	}
	switch {
	case o.Replicas < 0:
		panic(fmt.Errorf("redisseat: Open: Replicas is %d, which is negative", o.Replicas))
	case o.ReplicaTimeout < 0:
		panic(fmt.Errorf("redisseat: Open: ReplicaTimeout is %v, which is negative", o.ReplicaTimeout))
	case ctx.Err() != nil:
		return nil, fmt.Errorf("redisseat: Open: %w", remote.Ended(ctx))
	}
	if o.Prefix == "" {
		o.Prefix = "seatmap"
	}
	if o.Buckets == 0 {
		o.Buckets = 256
	}
	if o.Ring == 0 {
		o.Ring = 1024
	}
	if o.SweepEvery == 0 {
		o.SweepEvery = time.Second
	}
	if o.ReplicaTimeout == 0 {
		o.ReplicaTimeout = time.Second
	}
	o.ReplicaTimeout = min(max(o.ReplicaTimeout, time.Millisecond), 24*time.Hour) // WAIT 0 would wait without end
	o.Client.DisableRetry, o.Client.DisableCache = true, true
	o.Client.ReadBufferEachConn = cmp.Or(o.Client.ReadBufferEachConn, 32<<10)
	o.Client.WriteBufferEachConn = cmp.Or(o.Client.WriteBufferEachConn, 32<<10)
	lines := track(&o.Client)
	client, err := rueidis.NewClient(o.Client)
	if err != nil {
		return nil, fmt.Errorf("redisseat: Open: %w: %w", seatmap.ErrUnavailable, err)
	}
	s := &Store{
		client: client, lines: lines, options: o, form: seatmap.NewMap(seatmap.MapOptions{Manual: true}),
	}
	s.self = s
	if s.patience = o.Client.ConnWriteTimeout; s.patience == 0 {
		s.patience = 10 * time.Second
	}
	s.ended, s.end = context.WithCancel(context.WithoutCancel(ctx))
	// The log of slow queries shows the first 128 bytes of an argument, which are zero.
	drawn := make([]byte, 128+32)
	_, _ = crand.Read(drawn[128:]) // never fails
	got, err := openScript.Exec(ctx, client, []string{"{" + o.Prefix + "}secret"}, []string{string(drawn), "{" + o.Prefix + ":0}", s.sweepingKey()}).ToString()
	if err != nil {
		err = s.failure(ctx, true, err)
		_ = s.Close()
		return nil, fmt.Errorf("redisseat: Open: %w", err)
	}
	if len(got) != len(drawn) {
		_ = s.Close()
		return nil, fmt.Errorf("redisseat: Open: %w: %w: the secret has %d bytes", seatmap.ErrUnavailable, ErrFormat, len(got))
	}
	s.mac = remote.NewMAC([]byte(got))
	if o.SweepEvery > 0 {
		s.work.Go(s.sweepOn)
	}
	return s, nil
}

// Close implements [seatmap.Store].
//
//ferrous:release
//ferrous:idempotent
func (s *Store) Close() error {
	s.mustBeMade("Close")
	err := s.form.Close()
	s.end()
	s.work.Wait()
	s.shapes.Close()
	s.client.Close()
	return err
}

// check panics if a method is called with a nil context or a Store that Open did not make.
func (s *Store) check(ctx context.Context, method string) {
	s.mustBeMade(method)
	if ctx == nil {
		panic(fmt.Errorf("redisseat: Store.%s: the context is nil", method))
	}
}

func (s *Store) mustBeMade(method string) {
	switch s.self {
	case s:
	case nil:
		panic(fmt.Errorf("redisseat: Store.%s: not made by Open", method))
	default:
		panic(fmt.Errorf("redisseat: Store.%s: a copy", method))
	}
}

// keys returns the keys of an event. The answer is that of the request's key, or empty.
func (s *Store) keys(event, answer string) []string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(event))
	return keysIn(s.bucket(h.Sum32()%uint32(s.options.Buckets)), event, answer)
}

// keysIn returns the keys of an event of a bucket.
func keysIn(base, event, answer string) []string {
	keys := []string{base + "e:" + event, base + "s:" + event, base + "r:" + event, base + "d:" + event, base + "u:" + event, base + "e:" + event}
	if answer != "" {
		keys[5] = base + "k:" + answer
	}
	return keys
}

// bucket returns what the names of all keys of a bucket begin with.
func (s *Store) bucket(n uint32) string { return fmt.Sprintf("{%s:%d}", s.options.Prefix, n) }

// answerOf returns the name of the answer to a request with a key, or nothing if it has
// none. The text of the key does not reach the server, and cannot be guessed from the name.
func (s *Store) answerOf(key seatmap.Key, scope ...string) string {
	if key.IsZero() {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(s.mac.Sum(remote.Joined(append(scope, key.Reveal())...)))
}

// token returns the token of a fence. So a token that was never given out is known,
// whether or not its hold has ended.
func (s *Store) token(event string, fence uint64) seatmap.Token {
	return seatmap.NewToken(event, fence, [16]byte(s.mac.Sum(append(binary.BigEndian.AppendUint64(nil, fence), event...))))
}

// run runs a script until it has ended all holds that are due, and returns its answer. It
// tries again as Options.Retry says.
func (s *Store) run(ctx context.Context, what script, keys, args []string) ([]rueidis.RedisMessage, error) {
	return remote.Repeat(ctx, s.options.Retry, keys[5] != keys[0], func(attempt context.Context) ([]rueidis.RedisMessage, error) {
		for {
			began := time.Now()
			answer, err := s.exec(attempt, what, keys, args)
			if reply, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(reply.Error(), "READONLY") {
				s.lines.endBefore(began)
			}
			if err != nil {
				return nil, s.failure(ctx, what.reads, err)
			}
			switch tag := text(answer, 0); tag {
			case "more":
				if what.sha == sweepScript.sha {
					return answer, nil // the caller counts
				}
				if err := attempt.Err(); err != nil {
					return nil, s.failure(ctx, true, err)
				}
			case "version":
				return nil, fmt.Errorf("%w: %w: %q, not 2", seatmap.ErrUnavailable, ErrFormat, text(answer, 1))
			case "damaged":
				return nil, fmt.Errorf("%w: %w: a key has another length", seatmap.ErrUnavailable, ErrFormat)
			default:
				return answer, nil
			}
		}
	})
}

// exec runs a script, and waits until enough replicas have what it has changed.
func (s *Store) exec(ctx context.Context, what script, keys, args []string) ([]rueidis.RedisMessage, error) {
	if what.reads || s.options.Replicas == 0 {
		return what.Exec(ctx, s.client, keys, args).ToArray()
	}
	conn, release := s.client.Dedicate()
	defer release()
	n := int64(len(keys))
	result := conn.Do(ctx, conn.B().Evalsha().Sha1(what.sha).Numkeys(n).Key(keys...).Arg(args...).Build())
	if err, ok := rueidis.IsRedisErr(result.Error()); ok && err.IsNoScript() {
		result = conn.Do(ctx, conn.B().Eval().Script(what.text).Numkeys(n).Key(keys...).Arg(args...).Build())
	}
	answer, err := result.ToArray()
	if err != nil {
		return nil, err
	}
	if tag := text(answer, 0); tag != "ok" && tag != "again" {
		return answer, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.ReplicaTimeout+s.patience)
	defer cancel()
	have, err := conn.Do(ctx, conn.B().Wait().Numreplicas(int64(s.options.Replicas)).Timeout(s.options.ReplicaTimeout.Milliseconds()).Build()).AsInt64()
	switch {
	case err != nil:
		return nil, carriedOutError{err}
	case have < int64(s.options.Replicas):
		return nil, carriedOutError{fmt.Errorf("redisseat: %d of %d replicas have the change", have, s.options.Replicas)}
	}
	return answer, nil
}

// carriedOutError is an error after the server has carried out a request.
type carriedOutError struct{ error }

func (e carriedOutError) Unwrap() error { return e.error }

// failure returns the error of a request that got no answer of its script.
func (s *Store) failure(ctx context.Context, reads bool, err error) error {
	done := ctx.Err() != nil
	unsent := seatmap.ErrUnavailable
	if reply, ok := rueidis.IsRedisErr(err); ok && strings.Contains(reply.Error(), "WRONGTYPE") {
		if _, ok := errors.AsType[carriedOutError](err); !ok { // scripts look at the types first
			return fmt.Errorf("%w: %w: %w", unsent, ErrFormat, err)
		}
	}
	switch {
	case reads && done:
		return remote.Ended(ctx)
	case reads && s.ended.Err() != nil:
		return seatmap.ErrClosed
	case reads || refused(err):
		return fmt.Errorf("%w: %w", unsent, err)
	case done:
		return fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, remote.Ended(ctx))
	}
	return fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, err)
}

// refused reports whether the error says that the script did not run.
func refused(err error) bool {
	if _, ok := errors.AsType[carriedOutError](err); ok {
		return false
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	if errors.Is(err, rueidis.ErrNoSlot) {
		return true
	}
	reply, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	if strings.Contains(reply.Error(), "cript attempted to access a non local key") { // scripts do so before they change something
		return true
	}
	code, _, _ := strings.Cut(reply.Error(), " ")
	return slices.Contains([]string{
		"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS", "OOM", "READONLY",
		"TRYAGAIN", "WRONGPASS",
	}, code)
}

// text returns an element of an answer.
func text(answer []rueidis.RedisMessage, i int) string {
	if i >= len(answer) {
		return ""
	}
	got, _ := answer[i].ToString()
	return got
}

// number returns an element of an answer that is a number.
func number(answer []rueidis.RedisMessage, i int) int64 {
	if i >= len(answer) {
		return 0
	}
	n, _ := answer[i].AsInt64()
	return n
}

// moment returns an element of an answer that is a time, zero for none.
func moment(answer []rueidis.RedisMessage, i int) time.Time { return remote.Moment(number(answer, i)) }

// microseconds returns a duration as a script reads it.
func microseconds(d time.Duration) string { return strconv.FormatInt(remote.Microseconds(d), 10) }

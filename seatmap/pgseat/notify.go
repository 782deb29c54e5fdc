package pgseat

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A client tells the others by NOTIFY which events it has changed, after the commit: a NOTIFY
// in the transaction would make all commits of the database wait for each other. While a
// notification is on its way, the next events are collected. A notification that is lost costs
// a watch the time until it polls.

// channel is the channel of the notifications. A payload is ids of events, with commas.
const channel = "pgseat"

// notifyMost is how many events one notification names: a payload has less than 8,000 bytes.
const notifyMost = 400

// slower is how many times less often a watch polls while the client listens.
const slower = 50

// pollEvery returns how often a watch asks for changes.
func (s *Store) pollEvery() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	every := s.options.Poll
	if s.listening {
		every = min(every, math.MaxInt64/slower) * slower
	}
	return every
}

// notify notifies other clients soon that events have changed.
func (s *Store) notify(ids ...int64) {
	if s.options.Listen == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.unsaid[id] = struct{}{}
	}
	if len(s.unsaid) > 0 && !s.notifying && !s.closed {
		s.notifying = true
		s.work.Go(s.notifyOn)
	}
}

// notifyOn sends notifications until there is nothing to tell.
func (s *Store) notifyOn() {
	for {
		s.mu.Lock()
		var list []string
		for id := range s.unsaid {
			if len(list) == notifyMost {
				break
			}
			list = append(list, strconv.FormatInt(id, 10))
			delete(s.unsaid, id)
		}
		s.notifying = len(list) > 0
		s.mu.Unlock()
		if len(list) == 0 {
			return
		}
		b := &pgx.Batch{}
		b.Queue("select pg_notify($1, $2)", channel, strings.Join(list, ","))
		_ = s.send(s.ended, b) // the watches poll
	}
}

// listenOn wakes the watches at the notifications of other clients, until Close is called.
func (s *Store) listenOn() {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	pause := shortest
	for s.ended.Err() == nil {
		if s.listenOnce() {
			pause = shortest
		}
		wait := time.NewTimer(pause)
		select {
		case <-s.ended.Done():
		case <-wait.C:
		}
		wait.Stop()
		pause = min(2*pause, longest)
	}
}

// listenOnce listens on one connection until it fails, and reports whether it was there.
func (s *Store) listenOnce() (connected bool) {
	ctx, cancel := context.WithTimeout(s.ended, s.options.Timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.options.Listen)
	if err != nil {
		return false
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ended), s.options.Timeout)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
		return false
	}
	s.listens(true)
	defer s.listens(false)
	for {
		told, err := conn.WaitForNotification(s.ended)
		if err != nil {
			return true
		}
		var ids []int64
		for text := range strings.SplitSeq(told.Payload, ",") {
			if id, err := strconv.ParseInt(text, 10, 64); err == nil { // anyone can send on a channel
				ids = append(ids, id)
			}
		}
		s.tell(ids...)
	}
}

// listens notes whether the client is connected to listen. All watches look for what they have
// not heard of, and poll as often as that needs.
func (s *Store) listens(connected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listening = connected
	for _, n := range s.news {
		n.wake()
	}
}

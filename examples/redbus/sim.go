package main

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/sema"
)

const (
	maxUsers = 100_000_000
	maxSeats = 1_000_000
	maxHold  = 24 * time.Hour

	// wave is how many users there are at the same time. A goroutine that waits
	// takes some 2.7 kB, so a million at once would take gigabytes.
	wave = 50_000
	// samples is about how many calls are timed. Two readings of the clock cost
	// more than a refusal, so timing all would measure little else.
	samples = 20_000
)

// config is what the users are like.
type config struct {
	users, seats, workers int
	hold                  time.Duration
	seed                  uint64
}

// choice returns the seat that a user wants, and whether he pays when he gets it.
// It is the same in all versions.
func (c *config) choice(user int) (seat int, pays bool) {
	draw := rand.NewPCG(c.seed, uint64(user))
	n, _ := bits.Mul64(draw.Uint64(), uint64(c.seats))
	return int(n), draw.Uint64()&1 == 0
}

// answer is what a user got to hear.
type answer uint8

const (
	unanswered answer = iota
	refused
	granted
)

// grant is a hold as its owner knows it.
type grant struct {
	hold
	asked, told time.Time // bounds of the moment at which it was given
	// booking is zero when the owner did not pay, or when he paid too late.
	booking booking
	tooLate bool
	closed  time.Time // when he heard the answer to his payment
}

// simulation is all users against one version.
type simulation struct {
	config
	store store

	// Each user writes his own element, so that keeping score costs no lock.
	answers []answer
	every   int             // of so many users one is timed
	delays  []time.Duration // how long the timed ones waited for their answer

	// sold says of each seat that a user has been told that it is his. Who asks
	// for a seat before that is looked at more closely.
	sold  []atomic.Bool
	waves []span

	collector arcmutex.Mutex[collected]
	collected // what it has when all users have come
}

// collected is what few users have to tell.
type collected struct {
	grants   []grant
	refusals []refusal
	faults   []error // answers that nobody should get
}

// span is the time of a wave, or of a call.
type span struct{ begun, ended time.Time }

// refusal is that of a user whose call was timed.
type refusal struct {
	user int
	span
}

// simulate lets all users come, wave by wave, and returns what came of it.
func simulate(ctx context.Context, c config, v version, progress *progressbar.ProgressBar) (o *outcome, err error) {
	st, err := v.open(c, labels(c.seats))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	defer func() { err = errors.Join(err, st.close()) }()
	s := &simulation{config: c, store: st, answers: make([]answer, c.users), every: 1 + c.users/samples}
	s.sold = make([]atomic.Bool, c.seats)
	s.delays = make([]time.Duration, (c.users+s.every-1)/s.every)

	m := startMeter()
	for from := 0; from < c.users && ctx.Err() == nil; from += wave {
		to := min(from+wave, c.users)
		s.wave(ctx, from, to)
		_ = progress.Add(to - from) // a bar that cannot be drawn harms nobody
	}
	spent := m.stop()
	_ = progress.Finish()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", v.name, context.Cause(ctx))
	}
	if s.collected, err = s.collector.IntoInner(); err != nil {
		return nil, err
	}
	if o, err = s.settle(ctx, v.name, spent); err != nil {
		return nil, err
	}
	return o, o.checkRules(ctx, v)
}

// labels returns the names of the seats: 1, 2, 3 and so on.
func labels(seats int) []string {
	list := make([]string, seats)
	for i := range list {
		list[i] = strconv.Itoa(i + 1)
	}
	return list
}

// wave lets some users come at once and waits until all have been answered.
func (s *simulation) wave(ctx context.Context, from, to int) {
	s.waves = append(s.waves, span{begun: time.Now()})
	w := &s.waves[len(s.waves)-1]
	defer func() { w.ended = time.Now() }()
	// Go's own group: a million users, each a goroutine that returns nothing. As tasks,
	// with a context, a handle and a result, they would cost a fifth more.
	var wg sync.WaitGroup
	defer wg.Wait()
	workers := s.clients()
	_, onThreads := s.store.(threadStore)
	together := sema.NewBarrier(workers) // all threads are there before the first user is served
	if workers == 0 {
		for u := from; u < to; u++ {
			wg.Go(func() { s.user(ctx, u) })
		}
		return
	}
	for w := range workers {
		wg.Go(func() {
			if onThreads {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				_, _ = together.Wait(ctx) // at the end of ctx nobody waits
			}
			for u := from + w; u < to; u += workers {
				s.user(ctx, u)
			}
		})
	}
}

// user is what one user does.
func (s *simulation) user(ctx context.Context, u int) {
	seat, pays := s.choice(u)
	var space [16]byte
	name := string(strconv.AppendInt(append(space[:0], "user"...), int64(u), 10))
	call := s.waves[len(s.waves)-1]
	timed := u%s.every == 0
	watched := timed || !s.sold[seat].Load()
	if watched {
		call.begun = time.Now()
	}
	h, err := s.store.block(ctx, name, seat)
	if watched {
		call.ended = time.Now()
	}
	if timed {
		s.delays[u/s.every] = call.ended.Sub(call.begun)
	}
	switch {
	case err == nil:
		s.answers[u] = granted
		s.sold[seat].Store(true)
		s.won(ctx, grant{hold: h, asked: call.begun, told: time.Now()}, pays)
	case errors.Is(err, seatmap.ErrTaken):
		s.answers[u] = refused
		if watched {
			s.refused(u, call)
		}
	default:
		s.fault(fmt.Errorf("%s: block seat %d: %w", name, seat+1, err))
	}
}

// won is what a user does who got his seat.
func (s *simulation) won(ctx context.Context, g grant, pays bool) {
	if pays {
		b, err := s.store.book(ctx, g.hold)
		g.closed = time.Now()
		switch {
		case err == nil:
			g.booking = b
		case errors.Is(err, seatmap.ErrExpired):
			g.tooLate = true
		default:
			s.fault(fmt.Errorf("%s: book seat %d: %w", g.user, g.seat+1, err))
		}
	}
	s.collector.With(func(c *collected) { c.grants = append(c.grants, g) })
}

func (s *simulation) refused(u int, call span) {
	s.collector.With(func(c *collected) { c.refusals = append(c.refusals, refusal{u, call}) })
}

func (s *simulation) fault(err error) {
	s.collector.With(func(c *collected) { c.faults = append(c.faults, err) })
}

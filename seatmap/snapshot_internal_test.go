package seatmap

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestASnapshotShowsWhatWasWhateverChanges(t *testing.T) {
	for name, change := range map[string]func(p *Plan, hold, booking Token) error{
		"block":        func(p *Plan, _, _ Token) error { _, err := p.Block(9, time.Minute, 2, 514, 1026); return err },
		"block any":    func(p *Plan, _, _ Token) error { _, _, err := p.BlockAny(9, time.Minute, 1300, false); return err },
		"extend":       func(p *Plan, hold, _ Token) error { _, err := p.Extend(hold, time.Hour); return err },
		"book":         func(p *Plan, hold, _ Token) error { _, err := p.Book(hold); return err },
		"book some":    func(p *Plan, hold, _ Token) error { _, err := p.Book(hold, 0, 1024); return err },
		"release":      func(p *Plan, hold, _ Token) error { return p.Release(hold) },
		"release some": func(p *Plan, hold, _ Token) error { return p.Release(hold, 512, 0) },
		"cancel":       func(p *Plan, _, booking Token) error { return p.Cancel(booking) },
		"expire": func(p *Plan, _, _ Token) error {
			testkit.Advance(time.Minute)
			p.Sweep(1)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := NewPlan(PlanOptions{Seats: 1536})
				require.NoError(t, err)
				hold, err := p.Block(1, time.Minute, 0, 512, 1024)
				require.NoError(t, err)
				other, err := p.Block(2, time.Minute, 1, 513, 1025)
				require.NoError(t, err)
				booking, err := p.Book(other)
				require.NoError(t, err)

				type seen struct {
					state       SeatState
					user, fence uint64
					deadline    int64
				}
				see := func(to []seen) *snapshot {
					return &snapshot{now: p.clock.now(), saved: make([]bool, 3), save: func(seat uint32, state SeatState, rec *record) {
						assert.Zero(t, to[seat], "saved once")
						to[seat] = seen{state: state}
						if rec != nil {
							to[seat] = seen{state, rec.user, rec.fence, p.deadline(seat)}
						}
					}}
				}
				want, got := make([]seen, 1536), make([]seen, 1536)
				whole, slow := see(want), see(got)
				for chunk := range 3 {
					p.save(whole, chunk)
				}
				p.snapshots = []*snapshot{slow}
				p.save(slow, 1)
				require.NoError(t, change(p, hold, booking))
				for chunk := range 3 {
					p.save(slow, chunk)
				}
				assert.Equal(t, want, got)
			})
		})
	}
}

func TestASnapshotIsForgottenWhenItIsDone(t *testing.T) {
	p, err := NewPlan(PlanOptions{Seats: 1})
	require.NoError(t, err)
	_, err = p.Seats()
	require.NoError(t, err)
	assert.Empty(t, p.snapshots)
}

func TestASnapshotHasTheRevisionOfItsMoment(t *testing.T) {
	p, err := NewPlan(PlanOptions{Seats: 1536})
	require.NoError(t, err)
	_, err = p.Block(1, time.Minute, 0)
	require.NoError(t, err)
	changed := false
	_, revision, _, err := p.snapshot(0, p.count, false, nil, func(seat uint32, state SeatState, _ *record) {
		if !changed { // while the lock is held
			changed = true
			p.grant(p.clock.now(), never/8, 2, []int{1535}, nil)
		}
		assert.Equal(t, seat == 0, state == SeatBlocked)
	})
	require.NoError(t, err)
	assert.EqualValues(t, 1, revision)
	assert.EqualValues(t, 2, p.revision)
}

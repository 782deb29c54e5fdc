package seatmap_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/diagram"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

func TestPlansAndMapsDrawThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := seatmap.NewPlan(seatmap.PlanOptions{Name: "e", Seats: 70, Closed: []int{3}})
		require.NoError(t, err)
		defer p.Close()
		held, err := p.Block(7001, time.Minute, 0, 1)
		require.NoError(t, err)
		_, err = p.Book(held)
		require.NoError(t, err)
		_, err = p.Block(7002, time.Minute, 2)
		require.NoError(t, err)

		text := diagram.Capture(diagram.Var("p", &p)).Text(120)
		assert.Contains(t, text, "BBhx............")
		assert.Contains(t, text, " and 6 more")
		assert.Regexp(t, `\. Available +66`, text)
		assert.Regexp(t, `h Blocked +1`, text)
		assert.Regexp(t, `B Booked +2`, text)
		assert.NotContains(t, text, "7002", "who holds a seat")

		testkit.Advance(time.Minute)
		assert.Contains(t, diagram.Capture(diagram.Var("p", &p)).Text(120), "BB.x", "a hold that is over")
		p.Close()
		assert.Contains(t, diagram.Capture(diagram.Var("p", &p)).Text(120), "closed")

		var zero seatmap.Plan
		assert.Contains(t, diagram.Capture(diagram.Var("zero", &zero)).Text(120), "zero or copied Plan")
	})
}

func TestMapsDrawTheirFirstEvents(t *testing.T) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	for i := range 20 {
		require.NoError(t, errOf(m.Create(t.Context(), seatmap.CreateRequest{Event: fmt.Sprintf("event%02d", i), Layout: seatmap.Layout{Count: 2}})))
	}
	hold, err := m.Block(t.Context(), seatmap.BlockRequest{Event: "event03", User: "secret user", Key: seatmap.NewKey("secret key"), Seats: []string{"2"}, TTL: time.Minute})
	require.NoError(t, err)
	text := diagram.Capture(diagram.Var("m", &m)).Text(120)
	assert.Contains(t, text, ".h")
	assert.Contains(t, text, "event15")
	assert.NotContains(t, text, "event16")
	assert.Contains(t, text, "4 more")
	assert.NotContains(t, text, "secret")
	assert.NotContains(t, text, hold.Token.Reveal())
	require.NoError(t, m.Close())
	assert.Contains(t, diagram.Capture(diagram.Var("m", &m)).Text(120), "closed")
	var zero seatmap.Map
	assert.Contains(t, diagram.Capture(diagram.Var("zero", &zero)).Text(120), "zero or copied Map")
}

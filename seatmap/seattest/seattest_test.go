package seattest_test

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

func TestMapConforms(t *testing.T) {
	seattest.Run(t, seattest.Options{
		Open:    func(*testing.T) seatmap.Store { return seatmap.NewMap(seatmap.MapOptions{}) },
		Another: func(s seatmap.Store) (seatmap.Store, error) { return staysOpen{s}, nil },
		Restart: goesOn,
	})
}

func TestMapConformsInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := seattest.Check(t.Context(), seattest.Options{
			Resolution: time.Nanosecond, Advance: testkit.Advance,
		}, seatmap.NewMap(seatmap.MapOptions{Manual: true}), "expiry")
		assert.NoError(t, err)
	})
}

func TestPrecedenceIsCheckedOfEveryMethod(t *testing.T) {
	var wanted []string
	for _, of := range []reflect.Type{
		reflect.TypeFor[seatmap.Store](), reflect.TypeFor[seatmap.Operator](), reflect.TypeFor[seatmap.Payer](), reflect.TypeFor[seatmap.Porter](),
		reflect.TypeFor[seatmap.SeatCloser](), reflect.TypeFor[seatmap.SeatAdder](), reflect.TypeFor[seatmap.Lister](),
	} {
		for m := range of.Methods() {
			if m.Name != "Close" {
				wanted = append(wanted, m.Name)
			}
		}
	}
	assert.ElementsMatch(t, wanted, seattest.Methods())
}

func TestRunNeedsAStore(t *testing.T) {
	assert.EqualError(t, testkit.PanicError(t, func() { seattest.Run(t, seattest.Options{}) }), "seattest: Run: Open is nil")
}

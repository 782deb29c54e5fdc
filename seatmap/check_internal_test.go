package seatmap

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wellFormed is a value of each field of the requests by which nothing is wrong, as far as
// one can tell without the event.
var wellFormed = map[string]any{
	"Event": "bus", "User": "ann", "Actor": "ann", "Seat": "1", "Fence": uint64(1), "N": 1, "TTL": time.Second,
	"Seats": []string{"1"}, "To": []string{"1"}, "Layout": Layout{Count: 1}, "Count": 1,
	"Token": Token{Event: "bus", Fence: 1},
}

// malformed is values of each type that are not. Some are for some fields.
var malformed = []any{
	"", "\x00", strings.Repeat("a", MaxName+1), "{", -1, 0, MaxSeats + 1, time.Duration(-1), time.Duration(0), MaxTTL + 1, NewKey("\x00"),
	uint64(0), []string(nil),
	[]string{},
	[]string{"1", "1"},
	[]string{"\x00"},
	map[string]int{},
	map[string]int{"a": 0},
	map[string]int{"\x00": 1},
	Where{Singles: SinglesRefused},
	Where{Prefix: "\x00"},
	Where{Rows: []string{""}},
	Where{Quotas: []string{""}},
	Layout{},
	Layout{Count: -1},
	Layout{Count: 1, Seats: []string{"1"}},
	Limits{Seats: -1},
	[]Row{{}},
	[]Area{{}},
	[]Category{{}},
	Token{},
}

// A store that stands on a Map can ask what is wrong with a request before it knows whether
// the Map may carry it out. It must be told what the Map would say: of each method, with
// each field of its request malformed in each way.
func TestWhatIsMalformedIsTheSameBeforeTheCall(t *testing.T) {
	m := NewMap(MapOptions{})
	defer m.Close() //nolint:errcheck // it has no error
	state := &durableMap{Map: m}
	methods, refused := 0, 0
	for method := range reflect.TypeFor[*Map]().Methods() {
		if method.Type.NumIn() != 3 || !strings.HasSuffix(method.Type.In(2).Name(), "Request") || method.Type.NumOut() != 2 {
			continue
		}
		methods++
		request := method.Type.In(2)
		base := reflect.New(request).Elem()
		for field := range request.Fields() {
			if v, ok := wellFormed[field.Name]; ok && reflect.TypeOf(v) == field.Type {
				base.FieldByIndex(field.Index).Set(reflect.ValueOf(v))
			}
		}
		same := func(r reflect.Value) {
			p := reflect.New(request)
			p.Elem().Set(r)
			answer := method.Func.Call([]reflect.Value{reflect.ValueOf(m), reflect.ValueOf(context.Background()), r})
			said, _ := reflect.TypeAssert[error](answer[1])
			before := state.Check(p.Interface())
			if errors.Is(said, ErrInvalid) {
				refused++
				assert.EqualError(t, before, said.Error(), "%s %+v", method.Name, r)
			} else {
				assert.NoError(t, before, "%s %+v: %v", method.Name, r, said)
			}
		}
		same(base)
		for field := range request.Fields() {
			for _, v := range malformed {
				if reflect.TypeOf(v) != field.Type {
					continue
				}
				r := reflect.New(request).Elem()
				r.Set(base)
				r.FieldByIndex(field.Index).Set(reflect.ValueOf(v))
				same(r)
			}
		}
	}
	require.Greater(t, methods, 20)
	require.Greater(t, refused, 100)
}

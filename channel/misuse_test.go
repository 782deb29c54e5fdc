package channel_test

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

// panicText returns the text of f's panic, or "" if it returns. A panic of the runtime
// does not say what the caller did wrong.
func panicText(t *testing.T, f func()) (text string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			_, isRuntime := p.(runtime.Error)
			assert.False(t, isRuntime, "a bare runtime error: %v", p)
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

// zeroHandles are the handles that nothing made.
func zeroHandles() []any {
	return []any{
		new(channel.Sender[int]), new(channel.Receiver[int]), new(channel.WeakSender[int]),
		new(channel.OneshotSender[int]), new(channel.OneshotReceiver[int]),
		new(channel.BroadcastSender[int]), new(channel.BroadcastReceiver[int]),
		new(channel.WatchSender[int]), new(channel.WatchReceiver[int]),
	}
}

// typeName returns the name of a handle's type, without its type parameter.
func typeName(handle any) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(fmt.Sprintf("%T", handle), "*channel."), "[")
	return name
}

// An arguments returns an argument of a type.
type arguments func(reflect.Type) reflect.Value

// good returns arguments that a method may get.
func good(of reflect.Type) reflect.Value {
	switch {
	case of == reflect.TypeFor[context.Context]():
		return reflect.ValueOf(context.Background())
	case of.Kind() == reflect.Func:
		return reflect.MakeFunc(of, func([]reflect.Value) (out []reflect.Value) {
			for r := range of.Outs() {
				out = append(out, reflect.Zero(r))
			}
			return out
		})
	case of.Kind() == reflect.Pointer:
		return reflect.New(of.Elem())
	}
	return reflect.Zero(of)
}

// callOf calls a method by its name.
func callOf(handle any, method string, args arguments) []reflect.Value {
	m := reflect.ValueOf(handle).MethodByName(method)
	var in []reflect.Value
	for a := range m.Type().Ins() {
		in = append(in, args(a))
	}
	return m.Call(in)
}

// Each method of a zero handle panics with its name, or prints.
func TestMethodsOfAZeroHandleSayWhatIsWrong(t *testing.T) {
	for _, h := range zeroHandles() {
		for m := range reflect.TypeOf(h).Methods() {
			name := typeName(h)
			switch m.Name {
			case "Diagram":
				callOf(h, m.Name, good)
			case "String", "GoString", "LogValue":
				assert.Equal(t, name+"(zero)", fmt.Sprint(callOf(h, m.Name, good)[0]))
			default:
				want := fmt.Sprintf("channel: %s.%s: zero %[1]s", name, m.Name)
				assert.Equal(t, want, panicText(t, func() { callOf(h, m.Name, good) }))
			}
		}
	}
}

// These have a zero value that works.
func TestZeroPermitRequestAndCase(t *testing.T) {
	var p channel.Permit[int]
	p.Release()
	assert.Zero(t, p.Len())
	assert.Equal(t, "channel: Permit.Send: no slot left", panicText(t, func() { p.Send(1) }))
	assert.Equal(t, "Permit(slots=0)", p.String())

	var r channel.Request[int, int]
	require.ErrorIs(t, r.Reply(1), channel.ErrClosed)
	require.ErrorIs(t, r.Answer(func(int) int { return 1 }), channel.ErrClosed)
	r.Drop()
	assert.True(t, isClosed(r.Done()))
	assert.Equal(t, "Request(question=0 done=true)", r.String())

	var c channel.Case
	i, ok := channel.TrySelect(c, c)
	assert.Equal(t, []any{-1, false}, []any{i, ok})
	assert.Equal(t, "Case(zero)", c.String())
}

// liveHandles are handles of open channels.
func liveHandles(t *testing.T) (all []any) {
	t.Helper()
	for _, k := range kinds(t) {
		all = append(append(all, k.senders...), k.receivers...)
	}
	return all
}

// Each method that takes a context, a function or another handle panics for nil, also
// if the handle is closed.
func TestNilArgumentsAreNamed(t *testing.T) {
	for _, closed := range []bool{false, true} {
		for _, h := range liveHandles(t) {
			if closed {
				h.(interface{ Close() }).Close()
			}
			for m := range reflect.TypeOf(h).Methods() {
				if m.Name == "Diagram" {
					continue // called by package diagram only
				}
				for bad := range reflect.ValueOf(h).MethodByName(m.Name).Type().Ins() {
					what := map[reflect.Kind]string{reflect.Func: "function", reflect.Pointer: "handle", reflect.Interface: "context"}[bad.Kind()]
					if what == "" {
						continue
					}
					want := fmt.Sprintf("channel: %s.%s: nil %s", typeName(h), m.Name, what)
					assert.Equal(t, want, panicText(t, func() {
						callOf(h, m.Name, func(of reflect.Type) reflect.Value {
							if of == bad {
								return reflect.Zero(of)
							}
							return good(of)
						})
					}))
				}
			}
		}
	}
	tx, rx := channel.New[channel.Request[int, int]](1)
	var none context.Context
	for want, f := range map[string]func(){
		"channel: Select: nil context":          func() { _, _ = channel.Select(none) },
		"channel: SelectInOrder: nil context":   func() { _, _ = channel.SelectInOrder(none) },
		"channel: FromChan: nil context":        func() { channel.FromChan(none, make(chan int)) },
		"channel: Call: nil context":            func() { _, _ = channel.Call(none, tx, 1) },
		"channel: Call: nil handle":             func() { _, _ = channel.Call[int, int](t.Context(), nil, 1) },
		"channel: OnDone: nil context":          func() { channel.OnDone(none, func(error) {}) },
		"channel: OnDone: nil function":         func() { channel.OnDone(t.Context(), nil) },
		"channel: OnAfter: nil function":        func() { channel.OnAfter(time.Second, nil) },
		"channel: OnTick: nil function":         func() { channel.OnTick(time.Second, nil) },
		"channel: OnChanRecv: nil function":     func() { channel.OnChanRecv(make(chan int), nil) },
		"channel: OnChanSend: nil function":     func() { channel.OnChanSend(make(chan int), 1, nil) },
		"channel: Request.Answer: nil function": func() { _ = channel.Request[int, int]{}.Answer(nil) },
	} {
		assert.Equal(t, want, panicText(t, f))
	}
	assert.Equal(t, 0, rx.Len(), "nothing was sent")
}

// A caller of a request that is answered by a nil function gets an error.
func TestARequestAnsweredByANilFunctionIsDropped(t *testing.T) {
	tx, rx := channel.New[channel.Request[int, int]](1)
	go func() {
		r, err := rx.Recv(t.Context())
		assert.NoError(t, err)
		panicText(t, func() { _ = r.Answer(nil) })
	}()
	_, err := channel.Call(t.Context(), tx, 1)
	require.ErrorIs(t, err, channel.ErrClosed)
}

func TestNumbersOutOfRangeAreNamed(t *testing.T) {
	tx, rx := channel.New[int](1)
	type big [1 << 15]byte
	const huge = 1<<(28+16*(bits.UintSize/64)) + 1 // times 8 bytes it is more than any memory
	for _, c := range []struct {
		want string
		f    func()
	}{
		{`^channel: New: capacity 0 is not positive$`, func() { channel.New[int](0) }},
		{`^channel: New: capacity -1 is not positive$`, func() { channel.New[int](-1) }},
		{`^channel: NewBroadcast: capacity 0 is not positive$`, func() { channel.NewBroadcast[int](0) }},
		{`^channel: NewBroadcast: capacity -\d+ is not positive$`, func() { channel.NewBroadcast[int](math.MinInt) }},
		{`^channel: New: capacity \d+(, of \d bytes each,)? is more than`, func() { channel.New[int](math.MaxInt) }},
		{`^channel: NewBroadcast: capacity \d+.* is more than`, func() { channel.NewBroadcast[int](math.MaxInt) }},
		{`^channel: New: capacity \d+, of 8 bytes each, is more than memory can hold$`, func() { channel.New[uint64](huge) }},
		{`^channel: New: capacity \d+, of 32768 bytes each, is more than memory can hold$`, func() { channel.New[big](huge) }},
		{`^channel: NewBroadcast: capacity \d+, of \d bytes each, is more than memory can hold$`, func() { channel.NewBroadcast[big](2 * huge) }},
		{`^channel: OnTick: interval 0s is not positive$`, func() { channel.OnTick(0, func(time.Time) {}) }},
		{`^channel: OnTick: interval -1ns is not positive$`, func() { channel.OnTick(-1, func(time.Time) {}) }},
		{`^channel: Sender.ReserveMany: -1 slots$`, func() { _, _ = tx.ReserveMany(t.Context(), -1) }},
		{`^channel: Sender.TryReserveMany: -\d+ slots$`, func() { _, _ = tx.TryReserveMany(math.MinInt) }},
	} {
		assert.Regexp(t, c.want, panicText(t, c.f))
	}
	if bits.UintSize == 64 {
		assert.Contains(t, panicText(t, func() { channel.New[struct{}](math.MaxInt) }), "is more than 2^59")
	}
	_, err := tx.TryReserveMany(math.MaxInt)
	require.ErrorIs(t, err, channel.ErrCapacity)
	n, err := tx.SendMany(t.Context(), nil)
	assert.Equal(t, []any{0, nil}, []any{n, err})
	n, err = rx.RecvMany(t.Context(), nil)
	assert.Equal(t, []any{0, nil}, []any{n, err})
	for _, d := range []time.Duration{0, -1, math.MinInt64} {
		i, ok := channel.TrySelect(channel.OnAfter(d, func() {}))
		assert.Equal(t, []any{0, true}, []any{i, ok}, d)
	}
	i, ok := channel.TrySelect(channel.OnAfter(math.MaxInt64, func() {}))
	assert.Equal(t, []any{-1, false}, []any{i, ok})
	i, ok = channel.TrySelect(channel.OnChanRecv((chan int)(nil), func(int, bool) {}), channel.OnChanSend((chan int)(nil), 1, func() {}))
	assert.Equal(t, []any{-1, false}, []any{i, ok}, "a nil channel never goes on")
}

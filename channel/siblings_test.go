package channel_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

// A kind is one kind of channel by the handles of it.
type kind struct {
	senders, receivers []any // a closed handle is no part of them
	counted            bool  // there can be several of a kind
}

func kinds(t *testing.T) map[string]kind {
	t.Helper()
	all := map[string]kind{}
	for name, open := range opens[int](4) {
		tx, rx := open()
		all[name] = kind{[]any{tx, tx.Downgrade()}, []any{rx}, true}
	}
	tx, rx := channel.NewOneshot[int]()
	all["oneshot"] = kind{[]any{tx}, []any{rx}, false}
	btx, brx := channel.NewBroadcast[int](4)
	all["broadcast"] = kind{[]any{btx}, []any{brx}, true}
	wtx, wrx := channel.NewWatch(0)
	all["watch"] = kind{[]any{wtx}, []any{wrx}, true}
	return all
}

// call calls a method without arguments by its name.
func call0(t *testing.T, handle any, method string) any {
	t.Helper()
	m := reflect.ValueOf(handle).MethodByName(method)
	require.True(t, m.IsValid(), "%T has no %s", handle, method)
	return m.Call(nil)[0].Interface()
}

// All handles have the methods that are not of one kind of channel only, and
// handles of one channel answer alike.
func TestHandlesHaveTheMethodsOfTheirSiblings(t *testing.T) {
	for name, k := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			for _, h := range append(k.senders, k.receivers...) {
				want := []string{"Close", "IsClosed", "String", "GoString", "LogValue"}
				if k.counted {
					want = append(want, "Clone", "SameChannel", "SenderCount", "ReceiverCount")
				}
				for _, m := range want {
					assert.True(t, reflect.ValueOf(h).MethodByName(m).IsValid(), "%T has no %s", h, m)
				}
				assert.Equal(t, false, call0(t, h, "IsClosed"), "%T", h)
				assert.Contains(t, call0(t, h, "String"), "closed=false)", "%T", h)
				assert.Equal(t, call0(t, h, "String"), call0(t, h, "GoString"), "%T", h)
			}
			for _, s := range k.senders {
				if _, weak := s.(interface{ WeakCount() int }); weak && strings.Contains(reflect.TypeOf(s).String(), "Weak") {
					continue // it does not send
				}
				for _, m := range []string{"Send", "Done", "OnDone"} {
					assert.True(t, reflect.ValueOf(s).MethodByName(m).IsValid(), "%T has no %s", s, m)
				}
			}
			for _, r := range k.receivers {
				one := reflect.ValueOf(r)
				assert.True(t, one.MethodByName("Ready").IsValid(), "%T has no Ready", r)
				for _, ms := range [][2]string{{"Recv", "Changed"}, {"TryRecv", "TryChanged"}, {"OnRecv", "OnChanged"}} {
					assert.NotEqual(t, one.MethodByName(ms[0]).IsValid(), one.MethodByName(ms[1]).IsValid(), "%T has not one of %v", r, ms)
				}
			}
			for _, count := range []string{"Len", "Cap", "SenderCount", "ReceiverCount", "WeakCount"} {
				answers := map[any][]string{}
				for _, h := range append(k.senders, k.receivers...) {
					if reflect.ValueOf(h).MethodByName(count).IsValid() {
						answers[call0(t, h, count)] = append(answers[call0(t, h, count)], reflect.TypeOf(h).String())
					}
				}
				assert.LessOrEqual(t, len(answers), 1, "%s: %v", count, answers)
			}
		})
	}
}

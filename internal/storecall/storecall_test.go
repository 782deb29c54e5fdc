package storecall_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/storecall"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// A seen is one call as the observer was told.
type seen struct {
	method  storecall.Method
	event   string
	result  storecall.Result
	changes int
}

type mark struct{}

// notes is an observer that is used by one goroutine at a time.
type notes struct {
	begun int
	all   []seen
}

func (n *notes) Begin(ctx context.Context, m storecall.Method, event string) (context.Context, *seen) {
	n.begun++
	return context.WithValue(ctx, mark{}, m), &seen{method: m, event: event}
}

func (n *notes) End(s *seen, m storecall.Method, r storecall.Result, _ error) {
	s.method, s.result = m, r
	n.all = append(n.all, *s)
}

func (n *notes) Change(s *seen, _ seatmap.ChangeKind) { s.changes++ }

// A fake store does f in each call.
type fake struct {
	seatmap.Store // nil: what is not below is not called
	f             func(ctx context.Context) error
}

func (s fake) Block(ctx context.Context, _ seatmap.BlockRequest) (seatmap.Hold, error) {
	return seatmap.Hold{}, s.f(ctx)
}

func (s fake) Watch(ctx context.Context, _ seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	return func(yield func(seatmap.Change, error) bool) {
		for range 2 {
			if !yield(seatmap.Change{}, nil) {
				return
			}
		}
		if err := s.f(ctx); err != nil {
			yield(seatmap.Change{}, err)
		}
	}
}

func TestAWrappedStoreHasTheInterfacesOfItsStoreAndNoOthers(t *testing.T) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close() //nolint:errcheck // it returns nil
	has := func(s seatmap.Store) (bits int) {
		_, operator := s.(seatmap.Operator)
		_, payer := s.(seatmap.Payer)
		_, porter := s.(seatmap.Porter)
		_, sweeper := s.(seatmap.Sweeper)
		_, closer := s.(seatmap.SeatCloser)
		_, lister := s.(seatmap.Lister)
		_, adder := s.(seatmap.SeatAdder)
		for i, is := range []bool{operator, payer, porter, sweeper, closer, lister, adder} {
			if is {
				bits |= 1 << i
			}
		}
		return bits
	}
	const all = 1<<7 - 1
	require.Equal(t, all, has(m))
	for want := range all + 1 {
		s := storecall.Only(m, storecall.Observer[*seen](&notes{}), want)
		require.Equal(t, want, has(s))
		w := storecall.Wrap(s, storecall.Observer[*seen](&notes{}))
		assert.Equal(t, want, has(w))
		assert.True(t, s == w.(interface{ Unwrap() seatmap.Store }).Unwrap())
	}
}

// Each method of each interface is called by its name, so that none is forgotten.
func TestEachMethodIsObservedOnceUnderItsName(t *testing.T) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close() //nolint:errcheck // it returns nil
	n := &notes{}
	store := storecall.Wrap(seatmap.Store(m), storecall.Observer[*seen](n))
	token := seatmap.NewToken("bus", 1, [16]byte{1})
	called := 0
	for i := range storecall.Methods {
		name := storecall.Method(i).String()
		method := reflect.ValueOf(store).MethodByName(name)
		require.True(t, method.IsValid(), name)
		in := []reflect.Value{reflect.ValueOf(t.Context())}
		event := ""
		for k := 1; k < method.Type().NumIn(); k++ {
			arg := reflect.New(method.Type().In(k)).Elem()
			switch arg.Kind() {
			case reflect.Interface:
				arg = reflect.ValueOf(struct {
					io.Reader
					io.Writer
				}{eof{}, io.Discard})
			default:
				if f := arg.FieldByName("Event"); f.IsValid() {
					f.SetString("bus")
					event = "bus"
				}
				if f := arg.FieldByName("Token"); f.IsValid() {
					f.Set(reflect.ValueOf(token))
					event = "bus"
				}
			}
			in = append(in, arg)
		}
		out := method.Call(in)
		if name == "Watch" {
			for _, err := range out[0].Interface().(iter.Seq2[seatmap.Change, error]) {
				require.Error(t, err)
			}
		}
		called++
		require.Len(t, n.all, called, name)
		last := n.all[called-1]
		assert.Equal(t, name, last.method.String())
		assert.Equal(t, event, last.event, name)
		assert.NotEqual(t, storecall.Panicked, last.result, name)
	}
	// Nothing that can be called is left out, but Close and what prints.
	for method := range reflect.TypeOf(store).Methods() {
		name := method.Name
		known := name == "Close" || name == "Unwrap" || name == "Format" || name == "LogValue"
		for k := range storecall.Methods {
			known = known || storecall.Method(k).String() == name
		}
		assert.True(t, known, name)
	}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

func TestEachErrorHasItsResult(t *testing.T) {
	for want, errs := range map[storecall.Result][]error{
		storecall.OK:             {nil},
		storecall.Taken:          {seatmap.ErrTaken, seatmap.ErrNotEnough},
		storecall.SoldOut:        {seatmap.ErrSoldOut},
		storecall.Limit:          {seatmap.ErrLimit},
		storecall.Expired:        {seatmap.ErrExpired},
		storecall.Token:          {seatmap.ErrToken},
		storecall.KeyReused:      {seatmap.ErrKeyReused},
		storecall.Exists:         {seatmap.ErrExists},
		storecall.Unknown:        {seatmap.ErrUnknownEvent, seatmap.ErrUnknownSeat},
		storecall.Invalid:        {seatmap.ErrInvalid, seatmap.ErrInvalidSeats, seatmap.ErrInvalidCursor},
		storecall.Unavailable:    {seatmap.ErrUnavailable, fmt.Errorf("%w: %w", seatmap.ErrUnavailable, context.DeadlineExceeded)},
		storecall.OutcomeUnknown: {seatmap.ErrOutcomeUnknown, errors.Join(seatmap.ErrUnavailable, seatmap.ErrOutcomeUnknown)},
		storecall.Closed:         {seatmap.ErrClosed},
		storecall.Deadline:       {context.DeadlineExceeded},
		storecall.Canceled:       {context.Canceled},
		storecall.Failed:         {io.EOF, hostile{}},
	} {
		for _, err := range errs {
			assert.Equal(t, want, storecall.ResultOf(err), "%T", err)
		}
	}
}

// hostile is an error that panics when it is compared.
type hostile struct{}

func (hostile) Error() string   { panic("hostile") }
func (hostile) Is(error) bool   { panic("hostile") }
func (hostile) Unwrap() []error { panic("hostile") }

func TestACallGetsTheContextOfTheObserver(t *testing.T) {
	var got any
	store := storecall.Wrap(seatmap.Store(fake{f: func(ctx context.Context) error { got = ctx.Value(mark{}); return nil }}), storecall.Observer[*seen](&notes{}))
	_, err := store.Block(t.Context(), seatmap.BlockRequest{})
	require.NoError(t, err)
	assert.Equal(t, storecall.Block, got)
	drain(store.Watch(t.Context(), seatmap.WatchRequest{}))
	assert.Equal(t, storecall.Watch, got)
}

// drain reads a watch to its end.
func drain(watch iter.Seq2[seatmap.Change, error]) {
	for _, err := range watch {
		_ = err
	}
}

func TestACallThatDoesNotReturnIsSeen(t *testing.T) {
	n := &notes{}
	panics := storecall.Wrap(seatmap.Store(fake{f: func(context.Context) error { panic("fault") }}), storecall.Observer[*seen](n))
	exits := storecall.Wrap(seatmap.Store(fake{f: func(context.Context) error { runtime.Goexit(); return nil }}), storecall.Observer[*seen](n))
	watch := func(s seatmap.Store) {
		drain(s.Watch(t.Context(), seatmap.WatchRequest{}))
	}
	assert.PanicsWithValue(t, "fault", func() { _, _ = panics.Block(t.Context(), seatmap.BlockRequest{}) })
	assert.PanicsWithValue(t, "fault", func() { watch(panics) })
	for _, f := range []func(){
		func() { _, _ = exits.Block(t.Context(), seatmap.BlockRequest{}) },
		func() { watch(exits) },
	} {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f()
		}()
		<-ended
	}
	require.Len(t, n.all, 4)
	for _, s := range n.all {
		assert.Equal(t, storecall.Panicked, s.result)
	}
}

func TestTheEndOfAWatchIsNotThePanicOfItsReader(t *testing.T) {
	n := &notes{}
	store := storecall.Wrap(seatmap.Store(fake{f: func(context.Context) error { return seatmap.ErrUnavailable }}), storecall.Observer[*seen](n))
	assert.PanicsWithValue(t, "reader", func() {
		for _, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "bus"}) {
			_ = err
			panic("reader")
		}
	})
	for _, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "bus"}) {
		_ = err
		break
	}
	drain(store.Watch(t.Context(), seatmap.WatchRequest{Event: "bus"}))
	assert.Equal(t, []seen{
		{storecall.Watch, "bus", storecall.OK, 1},
		{storecall.Watch, "bus", storecall.OK, 1},
		{storecall.Watch, "bus", storecall.Unavailable, 2},
	}, n.all)
}

func TestANilContextIsForTheStore(t *testing.T) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close() //nolint:errcheck // it returns nil
	n := &notes{}
	store := storecall.Wrap(seatmap.Store(m), storecall.Observer[*seen](n))
	for _, f := range []func(s seatmap.Store){
		func(s seatmap.Store) { _, _ = s.Counts(nil, seatmap.CountsRequest{}) }, //nolint:staticcheck // on purpose
		func(s seatmap.Store) {
			drain(s.Watch(nil, seatmap.WatchRequest{})) //nolint:staticcheck // on purpose
		},
	} {
		assert.Equal(t, testkit.PanicError(t, func() { f(m) }).Error(), testkit.PanicError(t, func() { f(store) }).Error())
	}
	assert.Zero(t, n.begun)
}

func TestAWrappedStorePrintsAsItsStore(t *testing.T) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close() //nolint:errcheck // it returns nil
	store := storecall.Wrap(seatmap.Store(m), storecall.Observer[*seen](&notes{}))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, fmt.Sprintf(verb, m), fmt.Sprintf(verb, store))
	}
}

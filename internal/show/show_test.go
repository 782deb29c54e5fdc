package show_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
	"github.com/coderrange/ferrous/result"
)

// alone prints itself through a pointer only, and must not be copied.
type alone struct {
	_ [0]atomic.Bool
	n int
}

func (a *alone) String() string { return fmt.Sprintf("alone %d", a.n) }

// logged logs itself through a pointer only.
type logged struct{ n int }

func (l *logged) LogValue() slog.Value { return slog.IntValue(l.n + 1) }

// around returns each type that prints what it holds, with v inside.
func around[T any](t *testing.T, v T) map[string]any {
	t.Helper()
	mutex, rw := arcmutex.NewMutex(v), arcmutex.NewRWMutex(v)
	guard, reader := arcmutex.NewMutex(v).Lock(), arcmutex.NewRWMutex(v).RLock()
	upgradable := arcmutex.NewRWMutex(v).ULock()
	once := new(arcmutex.OnceLock[T])
	require.True(t, once.Set(v))
	lazy := arcmutex.NewLazyLock(func() T { return v })
	lazy.Get()
	cell, both := refcell.New(v), refcell.NewAtomicRefCell(v)
	set := new(refcell.OnceCell[T])
	require.True(t, set.Set(v))
	lazyCell := refcell.NewLazyCell(func() T { return v })
	lazyCell.Get()
	shared, atomically := refcell.New(v), refcell.NewAtomicRefCell(v)
	only, onlyAtomically := refcell.New(v), refcell.NewAtomicRefCell(v)
	ref, refMut := shared.Borrow(), only.BorrowMut()
	atomicRef, atomicRefMut := atomically.Borrow(), onlyAtomically.BorrowMut()
	arc, counted, box := arcmutex.NewArc(v), rc.New(v), rc.NewBox(v)
	t.Cleanup(func() {
		arc.Drop()
		counted.Drop()
		box.Drop()
	})
	return map[string]any{
		"Mutex": mutex, "RWMutex": rw, "Guard": guard, "RGuard": reader, "UGuard": upgradable,
		"OnceLock": once, "LazyLock": lazy, "Arc": arc,
		"Cell": refcell.NewCell(v), "RefCell": cell, "AtomicRefCell": both, "OnceCell": set, "LazyCell": lazyCell,
		"Ref": &ref, "RefMut": &refMut, "AtomicRef": &atomicRef, "AtomicRefMut": &atomicRefMut,
		"Rc": counted, "Box": box,
	}
}

func TestWhatIsHeldPrintsThroughItsPointer(t *testing.T) {
	for name, v := range around(t, alone{n: 7}) {
		assert.Equal(t, "alone 7", fmt.Sprint(v), name)
		assert.Contains(t, fmt.Sprintf("%+v", v), "(alone 7", name)
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("", "v", v)
		assert.Contains(t, out.String(), "alone 7", name)
	}
	assert.Equal(t, "Some(alone 7)", fmt.Sprint(option.Some(alone{n: 7})))
	assert.Equal(t, "Ok(alone 7)", fmt.Sprint(result.Ok(alone{n: 7})))
}

func TestWhatIsHeldLogsThroughItsPointer(t *testing.T) {
	for name, v := range around(t, logged{41}) {
		if _, prints := map[string]bool{"Mutex": true, "RWMutex": true, "Guard": true, "RGuard": true, "UGuard": true, "OnceLock": true, "LazyLock": true}[name]; prints {
			continue // what they log is what they print
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("", "v", v)
		var line map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &line))
		assert.Contains(t, fmt.Sprint(line["v"]), "42", name)
	}
}

// The race detector sees that the lock is not copied.
func TestALockThatIsHeldCanBePrintedWhileItIsUsed(t *testing.T) {
	arc := arcmutex.NewArc(arcmutex.Mutex[int]{})
	defer arc.Drop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			arc.Ptr().With(func(n *int) { *n++ })
		}
	}()
	for range 1000 {
		_, _ = fmt.Sprint(arc), fmt.Sprintf("%+v %#v %d", arc, arc, arc)
		_ = arc.LogValue()
	}
	<-done
	assert.Equal(t, "1000", fmt.Sprint(arc))
}

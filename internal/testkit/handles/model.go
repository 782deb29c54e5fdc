package handles

import (
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// object is the oracle's idea of a value: who owns it, who refers to it, and
// whether and how it ended.
type object struct {
	value        int
	owners       int
	weaks        int
	moved        bool // taken out, so that no destructor must run
	fails        failure
	destructions int
}

// A failure is how a function of the user's ends.
type failure int

const (
	returned failure = iota
	panicked
	exited
)

var failures = rapid.SampledFrom([]failure{returned, returned, panicked, exited})

func (f failure) happen() {
	switch f {
	case returned:
	case panicked:
		panic(errBoom)
	case exited:
		runtime.Goexit()
	}
}

// try runs f in a goroutine of its own and returns how it ended, with an error
// if it panicked.
func try(f func()) (how failure, err error) {
	done := make(chan struct{})
	how = exited
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				how, err = panicked, r.(error)
			}
		}()
		f()
		how = returned
	}()
	<-done
	return how, err
}

// model runs handles next to objects.
type model struct {
	Kind
	objects []*object
	owners  []modelOwner
	weaks   []modelWeak
	dead    []Owner
}

type modelOwner struct {
	r Owner
	o *object
}

type modelWeak struct {
	w Weak
	o *object
}

func (m *model) add(r Owner, o *object) {
	o.owners++
	m.owners = append(m.owners, modelOwner{r, o})
}

// pick chooses an owner, and takes it out of the model if it is to end.
func (m *model) pick(t *rapid.T, end bool) modelOwner {
	if len(m.owners) == 0 {
		m.New(t)
	}
	i := rapid.IntRange(0, len(m.owners)-1).Draw(t, "owner")
	h := m.owners[i]
	if end {
		m.owners = append(m.owners[:i:i], m.owners[i+1:]...)
		m.dead = append(m.dead, h.r)
		h.o.owners--
	}
	return h
}

func (m *model) New(t *rapid.T) {
	o := m.object(t)
	m.add(m.newOwner(Value{object: o}, destroy), o)
}

func (m *model) object(t *rapid.T) *object {
	o := &object{value: rapid.Int().Draw(t, "value"), fails: failures.Draw(t, "destructor")}
	m.objects = append(m.objects, o)
	return o
}

func destroy(v *Value) {
	v.object.destructions++
	v.object.fails.happen()
}

// ends runs f, which ends an owner of o. The model has ended it already.
func (m *model) ends(t *rapid.T, o *object, f func()) {
	want := returned
	if o.owners == 0 && !o.moved {
		want = o.fails
	}
	how, err := try(f)
	require.Equal(t, want, how)
	if how == panicked {
		require.Equal(t, errBoom, err)
	}
}

// Cyclic makes an object that has a Weak to itself, if its function returns.
func (m *model) Cyclic(t *rapid.T) {
	o, fails, dropsLent := m.object(t), failures.Draw(t, "constructor"), rapid.Bool().Draw(t, "drop what is lent")
	var a Owner
	var lent, kept Weak
	how, _ := try(func() {
		a = m.newCyclic(func(self Weak) Value {
			lent, kept = self, self.Clone()
			_, ok := self.Upgrade()
			require.False(t, ok)
			if dropsLent {
				require.Panics(t, self.Drop)
			}
			fails.happen()
			return Value{object: o}
		}, destroy)
	})
	require.Equal(t, fails, how)
	refuses(t, m.ErrDropped, func() { lent.Upgrade() }, lent.Drop)
	if fails == returned {
		m.add(a, o)
		o.weaks++
	} else {
		o.moved = true
		o = &object{moved: true} // nobody sees the count of its Weaks
	}
	m.weaks = append(m.weaks, modelWeak{kept, o})
}

// UnwrapOrClone has a clone that fails, or that drops all other owners.
func (m *model) UnwrapOrClone(t *rapid.T) {
	fails, alone := failures.Draw(t, "clone"), rapid.Bool().Draw(t, "drops the others")
	h := m.pick(t, true)
	if h.o.owners == 0 {
		h.o.moved = true
		require.Same(t, h.o, h.r.UnwrapOrCloneFunc(func(Value) Value { panic("cloned") }).object)
		return
	}
	var others []modelOwner
	if alone {
		m.owners = slices.DeleteFunc(m.owners, func(other modelOwner) bool {
			if other.o == h.o {
				others = append(others, other)
				m.dead = append(m.dead, other.r)
			}
			return other.o == h.o
		})
		h.o.owners = 0
	}
	want := fails
	if alone && h.o.fails != returned {
		want = h.o.fails // after what clone did
	}
	early := 0
	how, _ := try(func() {
		h.r.UnwrapOrCloneFunc(func(v Value) Value {
			refuses(t, m.ErrDropped, h.r.Drop, func() { h.r.Ptr() })
			for _, other := range others {
				other.r.Drop()
			}
			early = v.object.destructions
			fails.happen()
			return v
		})
	})
	require.Zero(t, early, "destroyed while it is cloned")
	if fails == exited && alone && h.o.fails == panicked {
		require.Contains(t, []failure{exited, panicked}, how)
		return
	}
	require.Equal(t, want, how)
}

// FailingMakeMut has a clone that fails, or ends its own handle.
func (m *model) FailingMakeMut(t *rapid.T) {
	h := m.pick(t, false)
	if h.o.owners == 1 {
		return
	}
	fails := failures.Draw(t, "clone")
	fresh := &object{fails: failures.Draw(t, "destructor")}
	how, err := try(func() {
		h.r.MakeMutFunc(func(Value) Value {
			fails.happen()
			h.r.Drop()
			return Value{object: fresh}
		})
	})
	if fails != returned {
		require.Equal(t, fails, how)
		return
	}
	m.objects = append(m.objects, fresh) // it was destroyed
	m.owners = slices.DeleteFunc(m.owners, func(other modelOwner) bool { return other == h })
	m.dead = append(m.dead, h.r)
	h.o.owners--
	if fresh.fails != exited {
		require.Equal(t, panicked, how)
		require.Condition(t, func() bool { return errors.Is(err, m.ErrDropped) || errors.Is(err, errBoom) })
	}
}

// refuses expects each of fs to panic with want.
func refuses(t *rapid.T, want error, fs ...func()) {
	for _, f := range fs {
		_, err := try(f)
		require.ErrorIs(t, err, want)
	}
}

// UseACopy uses copies of handles in every state.
func (m *model) UseACopy(t *rapid.T) {
	h := m.pick(t, false)
	c := h.r.copied()
	refuses(t, m.ErrCopied, c.Drop, func() { c.Ptr() }, func() { c.Clone() }, func() { c.Downgrade() },
		func() { c.TryUnwrap() }, func() { c.IntoInner() }, func() { c.GetMut() })
	if len(m.weaks) > 0 {
		w := rapid.SampledFrom(m.weaks).Draw(t, "weak").w
		c := w.copied()
		refuses(t, m.ErrCopied, c.Drop, func() { c.Upgrade() }, func() { c.Clone() })
	}
	zero := m.zeroOwner()
	refuses(t, m.ErrDropped, zero.Drop, func() { zero.Clone() }, func() { zero.Ptr() })
}

// CloneWeak clones a Weak.
func (m *model) CloneWeak(t *rapid.T) {
	if len(m.weaks) == 0 {
		m.Downgrade(t)
	}
	w := rapid.SampledFrom(m.weaks).Draw(t, "weak")
	w.o.weaks++
	m.weaks = append(m.weaks, modelWeak{w.w.Clone(), w.o})
}

// Track changes how many of the handles made from now on are tracked.
func (m *model) track(t *rapid.T) { m.Track(rapid.IntRange(0, 3).Draw(t, "one in")) }

// Done ends what is left.
func (m *model) Done(t *rapid.T) {
	m.Track(0)
	for len(m.owners) > 0 {
		m.Drop(t)
	}
	for len(m.weaks) > 0 {
		m.DropWeak(t)
	}
	m.Check(t)
}

func (m *model) Clone(t *rapid.T) {
	h := m.pick(t, false)
	m.add(h.r.Clone(), h.o)
}

func (m *model) Drop(t *rapid.T) {
	h := m.pick(t, true)
	m.ends(t, h.o, h.r.Drop)
}

func (m *model) Downgrade(t *rapid.T) {
	h := m.pick(t, false)
	h.o.weaks++
	m.weaks = append(m.weaks, modelWeak{h.r.Downgrade(), h.o})
}

func (m *model) TryUnwrap(t *rapid.T) {
	h := m.pick(t, false)
	v, ok := h.r.TryUnwrap()
	require.Equal(t, h.o.owners == 1, ok)
	if !ok {
		return
	}
	require.Same(t, h.o, v.object)
	h.o.moved = true
	for i := range m.owners {
		if m.owners[i] == h {
			m.owners = append(m.owners[:i:i], m.owners[i+1:]...)
			break
		}
	}
	m.dead = append(m.dead, h.r)
	h.o.owners--
}

func (m *model) IntoInner(t *rapid.T) {
	h := m.pick(t, true)
	v, ok := h.r.IntoInner()
	require.Equal(t, h.o.owners == 0, ok)
	if ok {
		require.Same(t, h.o, v.object)
		h.o.moved = true
	}
}

func (m *model) GetMut(t *rapid.T) {
	h := m.pick(t, false)
	_, ok := h.r.GetMut()
	require.Equal(t, h.o.owners == 1 && h.o.weaks == 0, ok)
}

func (m *model) MakeMut(t *rapid.T) {
	h := m.pick(t, false)
	old := h.o
	fresh := &object{value: old.value}
	cloned := false
	got := h.r.MakeMutFunc(func(Value) Value { cloned = true; return Value{object: fresh} }).object
	require.Equal(t, old.owners > 1, cloned)
	if cloned {
		require.Same(t, fresh, got)
		m.objects = append(m.objects, fresh)
		old.owners--
		fresh.owners = 1
		for i := range m.owners {
			if m.owners[i] == h {
				m.owners[i].o = fresh
			}
		}
		return
	}
	require.Same(t, old, got)
	for i, w := range m.weaks {
		if w.o == old { // disconnected: they refer to a value that is gone
			m.weaks[i].o = &object{moved: true}
		}
	}
	old.weaks = 0
}

func (m *model) Upgrade(t *rapid.T) {
	if len(m.weaks) == 0 {
		m.Downgrade(t)
	}
	w := rapid.SampledFrom(m.weaks).Draw(t, "weak")
	r, ok := w.w.Upgrade()
	require.Equal(t, w.o.owners > 0, ok)
	if ok {
		m.add(r, w.o)
	}
}

func (m *model) DropWeak(t *rapid.T) {
	if len(m.weaks) == 0 {
		m.Downgrade(t)
	}
	i := rapid.IntRange(0, len(m.weaks)-1).Draw(t, "weak")
	m.weaks[i].w.Drop()
	m.weaks[i].o.weaks--
	m.weaks = append(m.weaks[:i:i], m.weaks[i+1:]...)
}

func (m *model) UseTheDead(t *rapid.T) {
	if len(m.dead) == 0 {
		m.Drop(t)
	}
	r := rapid.SampledFrom(m.dead).Draw(t, "dead")
	require.Panics(t, func() { r.Ptr() })
	require.Panics(t, r.Drop)
	require.Panics(t, func() { r.Clone() })
}

func (m *model) Check(t *rapid.T) {
	for _, h := range m.owners {
		require.Same(t, h.o, h.r.Ptr().object)
		require.Equal(t, h.o.owners, h.r.StrongCount())
		require.Equal(t, h.o.weaks, h.r.WeakCount())
	}
	for _, w := range m.weaks {
		require.Equal(t, w.o.owners, w.w.StrongCount())
	}
	for _, o := range m.objects {
		want := 0
		if o.owners == 0 && !o.moved {
			want = 1
		}
		require.Equal(t, want, o.destructions)
	}
}

// TestAgainstTheModel runs all operations in any order, with destructors, clones and
// constructors that fail.
func (k tests) TestAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{Kind: k.Kind}
		defer k.Track(0)
		t.Repeat(map[string]func(*rapid.T){
			"New": m.New, "Clone": m.Clone, "Drop": m.Drop, "Downgrade": m.Downgrade,
			"TryUnwrap": m.TryUnwrap, "IntoInner": m.IntoInner, "GetMut": m.GetMut,
			"MakeMut": m.MakeMut, "Upgrade": m.Upgrade, "DropWeak": m.DropWeak,
			"UseTheDead": m.UseTheDead, "Cyclic": m.Cyclic, "UnwrapOrClone": m.UnwrapOrClone,
			"FailingMakeMut": m.FailingMakeMut, "UseACopy": m.UseACopy, "CloneWeak": m.CloneWeak,
			"track": m.track, "": m.Check,
		})
		m.Done(t)
	})
}

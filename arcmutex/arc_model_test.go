package arcmutex_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/arcmutex"
)

// object is the oracle's idea of a value: who owns it, who refers to it, and
// whether and how it ended.
type object struct {
	value        int
	owners       int
	weaks        int
	moved        bool // taken out, so that no destructor must run
	destructions int
}

// model runs handles next to objects.
type model struct {
	objects []*object
	owners  []owner
	weaks   []weakling
	dead    []*arcmutex.Arc[*object]
}

type owner struct {
	r *arcmutex.Arc[*object]
	o *object
}

type weakling struct {
	w *arcmutex.Weak[*object]
	o *object
}

func (m *model) add(r *arcmutex.Arc[*object], o *object) {
	o.owners++
	m.owners = append(m.owners, owner{r, o})
}

// pick chooses an owner, and takes it out of the model if it is to end.
func (m *model) pick(t *rapid.T, end bool) owner {
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
	o := &object{value: rapid.Int().Draw(t, "value")}
	m.objects = append(m.objects, o)
	m.add(arcmutex.NewArcDrop(o, func(o **object) { (*o).destructions++ }), o)
}

func (m *model) Clone(t *rapid.T) {
	h := m.pick(t, false)
	m.add(h.r.Clone(), h.o)
}

func (m *model) Drop(t *rapid.T) { m.pick(t, true).r.Drop() }

func (m *model) Downgrade(t *rapid.T) {
	h := m.pick(t, false)
	h.o.weaks++
	m.weaks = append(m.weaks, weakling{h.r.Downgrade(), h.o})
}

func (m *model) TryUnwrap(t *rapid.T) {
	h := m.pick(t, false)
	v, ok := h.r.TryUnwrap()
	require.Equal(t, h.o.owners == 1, ok)
	if !ok {
		return
	}
	require.Same(t, h.o, v)
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
		require.Same(t, h.o, v)
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
	got := *h.r.MakeMutFunc(func(*object) *object { cloned = true; return fresh })
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
	require.Panics(t, func() { r.Get() })
	require.Panics(t, r.Drop)
	require.Panics(t, func() { r.Clone() })
}

func (m *model) Check(t *rapid.T) {
	for _, h := range m.owners {
		require.Same(t, h.o, *h.r.Get())
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

func TestArcAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{}
		t.Repeat(map[string]func(*rapid.T){
			"New": m.New, "Clone": m.Clone, "Drop": m.Drop, "Downgrade": m.Downgrade,
			"TryUnwrap": m.TryUnwrap, "IntoInner": m.IntoInner, "GetMut": m.GetMut,
			"MakeMut": m.MakeMut, "Upgrade": m.Upgrade, "DropWeak": m.DropWeak,
			"UseTheDead": m.UseTheDead, "": m.Check,
		})
	})
}

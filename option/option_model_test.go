package option_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
)

// errFault is what the callbacks of the model panic with.
var errFault = errors.New("fault")

// encodings write an Option and read it into another one.
var encodings = func() map[string]func(from, to *option.Option[int]) error {
	all := testkit.RoundTrips[option.Option[int]]()
	all["key"] = func(from, to *option.Option[int]) error {
		keys, err := json.Marshal(map[option.Key[int]]bool{option.Key[int](*from): true})
		var back map[option.Key[int]]bool
		err = errors.Join(err, json.Unmarshal(keys, &back))
		for k := range back {
			*to = option.Option[int](k)
		}
		return err
	}
	all["Nullable"] = func(from, to *option.Option[int]) error {
		n := option.Null[int]()
		if v, ok := from.Get(); ok {
			n = option.NotNull(v)
		}
		data, err := n.MarshalBinary()
		var back option.Nullable[int]
		err = errors.Join(err, back.UnmarshalBinary(data))
		back.Patch(to)
		return err
	}
	return all
}()

// TestOptionFollowsAPointer drives an Option through all that it can do beside
// the obvious model: a pointer that is nil for None. Callbacks panic at times;
// bad data and nil functions come in between.
func TestOptionFollowsAPointer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o option.Option[int]
		var model *int
		same := func(want *int, got option.Option[int]) {
			t.Helper()
			require.Equal(t, option.FromPtr(want), got)
		}
		draw := func(t *rapid.T) *int { return new(rapid.Int().Draw(t, "v")) }
		// faulty calls f, whose callback panics if it is drawn so, and says
		// whether it did.
		faulty := func(t *rapid.T, f func(callback func())) bool {
			fails, failed := rapid.Bool().Draw(t, "fails"), false
			func() {
				defer func() {
					err, _ := recover().(error)
					require.Equal(t, failed, errors.Is(err, errFault), "%v", err)
				}()
				f(func() {
					if fails {
						failed = true
						panic(errFault)
					}
				})
			}()
			return failed
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				same(model, o)
				v, ok := o.Get()
				require.Equal(t, model != nil, ok)
				require.Equal(t, model == nil, o.IsNone() && !o.IsSome() && o.IsZero())
				require.Equal(t, model, o.AsMut())
				want := 0
				if ok {
					want = *model
				}
				require.Equal(t, want, v)
				require.Equal(t, want, o.UnwrapOrDefault())
				require.Equal(t, want, o.UnwrapOr(0))
			},
			"Insert": func(t *rapid.T) {
				model = draw(t)
				require.Equal(t, model, o.Insert(*model))
			},
			"GetOrInsert": func(t *rapid.T) {
				v := draw(t)
				if model == nil {
					model = v
				}
				require.Equal(t, model, o.GetOrInsert(*v))
			},
			"GetOrInsertDefault": func(t *rapid.T) {
				if model == nil {
					model = new(int)
				}
				require.Equal(t, model, o.GetOrInsertDefault())
			},
			"GetOrInsertWith": func(t *rapid.T) {
				v := draw(t)
				failed := faulty(t, func(callback func()) {
					o.GetOrInsertWith(func() int { callback(); return *v })
				})
				if model == nil && !failed {
					model = v
				}
			},
			"AsMut": func(*rapid.T) {
				if p := o.AsMut(); p != nil {
					*p++
					*model++
				}
			},
			"Take": func(*rapid.T) {
				same(model, o.Take())
				model = nil
			},
			"TakeIf": func(t *rapid.T) {
				var taken option.Option[int]
				failed := faulty(t, func(callback func()) {
					taken = o.TakeIf(func(n *int) bool { *n++; callback(); return *n%2 == 0 })
				})
				var want *int
				if model != nil {
					*model++
					if *model%2 == 0 && !failed {
						want, model = model, nil
					}
				}
				same(want, taken)
			},
			"Replace": func(t *rapid.T) {
				v := draw(t)
				same(model, o.Replace(*v))
				model = v
			},
			"combine": func(t *rapid.T) {
				other := option.FromPtr(rapid.Ptr(rapid.Int(), true).Draw(t, "other"))
				even := func(n int) bool { return n%2 == 0 }
				pair := option.Zip(o, other)
				require.Equal(t, o.IsSome() && other.IsSome(), pair.IsSome())
				if pair.IsSome() {
					a, b := option.Unzip(pair)
					same(model, a)
					require.Equal(t, other, b)
				}
				same(model, option.Flatten(option.Some(o)))
				same(model, option.And(option.Some(0), o))
				same(model, option.None[int]().Or(o))
				same(model, o.Xor(none))
				require.Equal(t, none, option.And(o.Xor(o), other))
				require.Equal(t, o.IsSomeAnd(even), o.Filter(even).IsSome())
				require.Equal(t, o.IsNoneOr(even), o.IsNone() || even(*model))
				require.Equal(t, -option.Compare(o, other), option.Compare(other, o))
				require.Equal(t, o == other, option.Compare(o, other) == 0)
				next := option.Map(o, func(n int) int { return n + 1 })
				same(model, option.Map(next, func(n int) int { return n - 1 }))
			},
			"callbacks that panic": func(t *rapid.T) {
				faulty(t, func(callback func()) {
					f := func(n int) int { callback(); return n }
					pred := func(int) bool { callback(); return true }
					make1 := func() int { callback(); return 1 }
					switch rapid.IntRange(0, 8).Draw(t, "method") {
					case 0:
						same(model, option.Map(o, f))
					case 1:
						option.MapOrElse(o, make1, f)
					case 2:
						same(model, o.Filter(pred))
					case 3:
						o.UnwrapOrElse(make1)
					case 4:
						o.OrElse(func() option.Option[int] { callback(); return none })
					case 5:
						same(model, o.Inspect(func(int) { callback() }))
					case 6:
						option.AndThen(o, func(int) option.Option[int] { callback(); return o })
					case 7:
						o.IsNoneOr(pred)
					case 8:
						for range o.All() {
							callback()
						}
					}
				})
			},
			"encode": func(t *rapid.T) {
				name := rapid.SampledFrom([]string{"JSON", "text", "binary", "gob", "SQL", "key", "Nullable"}).Draw(t, "encoding")
				back := option.FromPtr(rapid.Ptr(rapid.Int(), true).Draw(t, "before"))
				require.NoError(t, encodings[name](&o, &back), name)
				same(model, back)
				o = back
			},
			"bad data": func(t *rapid.T) {
				data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
				for _, decode := range []func([]byte) error{o.UnmarshalJSON, o.UnmarshalText, o.UnmarshalBinary, o.GobDecode} {
					before := o
					if decode(data) == nil {
						o = before
					}
					same(model, o)
				}
				require.Error(t, o.Scan(struct{}{}))
			},
		})
	})
}

// TestNilFunctions: a nil function panics where it is needed, at once, and
// nowhere else.
func TestNilFunctions(t *testing.T) {
	for state, o := range map[string]option.Option[int]{"some": one, "none": none} {
		for name, f := range map[string]func(){
			"some IsSomeAnd":       func() { o.IsSomeAnd(nil) },
			"some IsNoneOr":        func() { o.IsNoneOr(nil) },
			"some Inspect":         func() { o.Inspect(nil) },
			"some Filter":          func() { o.Filter(nil) },
			"some TakeIf":          func() { p := o; p.TakeIf(nil) },
			"none GetOrInsertWith": func() { p := o; p.GetOrInsertWith(nil) },
			"none OrElse":          func() { o.OrElse(nil) },
			"none UnwrapOrElse":    func() { o.UnwrapOrElse(nil) },
			"some Map":             func() { option.Map[int, int](o, nil) },
			"some MapOr":           func() { option.MapOr(o, 0, nil) },
			"some MapOrElse":       func() { option.MapOrElse(o, func() int { return 0 }, nil) },
			"none MapOrElse":       func() { option.MapOrElse(o, nil, func(int) int { return 0 }) },
			"some AndThen":         func() { option.AndThen[int, int](o, nil) },
			"some CompareFunc":     func() { option.CompareFunc(o, one, nil) },
			"some EqualFunc":       func() { option.EqualFunc[int, int](o, one, nil) },
		} {
			if name[:len(state)] == state {
				require.Panics(t, f, name)
			} else {
				require.NotPanics(t, f, name)
			}
		}
	}
}

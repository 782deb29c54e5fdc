package option_test

import (
	"testing"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
)

// TestMethodsDoNotAllocate calls everything that is no encoder and builds no
// collection, on a T too large to be cheap to box.
func TestMethodsDoNotAllocate(t *testing.T) {
	type big [16]int
	var sink int
	isFirst := func(b big) bool { return b[0] == 1 }
	testkit.NoAllocs(t, "Option", func() {
		v := big{1}
		o := option.Some(v)
		n := option.None[big]()
		for _, o := range [...]option.Option[big]{o, n, option.From(v, true), option.FromPtr(&v), option.NonZero(v)} {
			if o.IsSome() && !o.IsNone() && !o.IsZero() && o.IsSomeAnd(isFirst) && o.IsNoneOr(isFirst) {
				sink += o.Unwrap()[0] + o.Expect("one")[0]
			}
			g, _ := o.Get()
			sink += g[0] + o.UnwrapOr(v)[0] + o.UnwrapOrElse(func() big { return v })[0] + o.UnwrapOrDefault()[0]
			o.Inspect(func(b big) { sink += b[1] }).Filter(isFirst).Or(n).Xor(n).
				OrElse(func() option.Option[big] { return n })
			for b := range o.All() {
				sink += b[0]
			}
			if p := o.AsMut(); p != nil {
				p[1]++
			}
			o.TakeIf(func(b *big) bool { b[1]++; return true })
			o.GetOrInsertDefault()[2]++
			o.Take()
			o.GetOrInsert(v)[2]++
			o.Take()
			o.GetOrInsertWith(func() big { return v })[2]++
			o.Insert(v)[2]++
			o.Replace(v)

			m := option.Map(o, func(b big) int { return b[0] })
			sink += option.MapOr(o, 1, func(b big) int { return b[0] })
			sink += option.MapOrElse(o, func() int { return 1 }, func(b big) int { return b[0] })
			m = option.AndThen(option.And(o, m), func(i int) option.Option[int] { return option.Some(i) })
			a, b := option.Unzip(option.Zip(m, o))
			sink += option.Compare(a, m) + option.Flatten(option.Some(a)).UnwrapOr(0)
			if option.EqualFunc(b, o, func(x, y big) bool { return x == y }) && b == o {
				sink++
			}
			option.NotNull(v).Patch(&o)
		}
	})
}

func TestFastPathsInline(t *testing.T) {
	testkit.Inlined(t, "option.Some[…]", "option.From[…]", "option.Option[…].Get", "option.Option[…].IsSome",
		"option.Option[…].Unwrap", "option.Option[…].UnwrapOr", "option.Option[…].UnwrapOrElse",
		"option.Option[…].UnwrapOrDefault", "option.Option[…].Or", "option.Option[…].OrElse",
		"option.Option[…].Filter", "option.Map[…]", "option.MapOr[…]", "option.AndThen[…]",
		"option.(*Option[…]).Take", "option.(*Option[…]).AsMut", "option.(*Option[…]).GetOrInsertWith")
}

package seatmap_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// place is a seat with all that the layout says of it.
type place struct {
	label, section, row, category string
	rank                          int
	line                          int // adjacent seats are of one line
	beside                        []string
}

// places lists the seats of a layout, and which are beside each other.
func places(l *seatmap.Layout) (all []place, lines [][]string, round []bool) {
	rows := l.Rows
	if rows == nil {
		line := seatmap.Row{Seats: l.Seats}
		for i := range l.Count {
			line.Seats = append(line.Seats, fmt.Sprint(i+1))
		}
		rows = []seatmap.Row{line}
	}
	for _, r := range rows {
		lines, round = append(lines, nil), append(round, r.Table)
		for i, label := range r.Seats {
			p := place{label: label, section: r.Section, row: r.Name, category: r.Category, line: len(lines) - 1}
			if r.Ranks != nil {
				p.rank = int(r.Ranks[i])
			}
			all, lines[p.line] = append(all, p), append(lines[p.line], label)
			if slices.Contains(r.Aisles, label) {
				lines, round = append(lines, nil), append(round, false)
			}
		}
	}
	for _, c := range l.Categories {
		in := false
		for i := range all {
			in = in || all[i].label == c.First
			if in {
				all[i].category = c.Name
			}
			in = in && all[i].label != c.Last
		}
	}
	for i, line := range lines {
		for at := range line[1:] {
			pair(all, line[at], line[at+1])
		}
		if round[i] {
			pair(all, line[0], line[len(line)-1])
		}
	}
	return all, lines, round
}

func pair(all []place, a, b string) {
	for i := range all {
		switch all[i].label {
		case a:
			all[i].beside = append(all[i].beside, b)
		case b:
			all[i].beside = append(all[i].beside, a)
		}
	}
}

// chosen is what BlockAny must choose, found by looking at all that it could choose.
func chosen(l *seatmap.Layout, free []string, n int, w *seatmap.Where) []string {
	all, lines, round := places(l)
	of := map[string]place{}
	level := map[string]int{}
	var fitting []string
	for _, p := range all {
		of[p.label] = p
		level[p.label] = slices.Index(w.Rows, p.row)
		if slices.Contains(free, p.label) && strings.HasPrefix(p.label, w.Prefix) &&
			(w.Section == "" || p.section == w.Section) && (w.Category == "" || p.category == w.Category) &&
			(len(w.Rows) == 0 || slices.Contains(w.Rows, p.row)) {
			fitting = append(fitting, p.label)
		}
	}
	if !w.Adjacent {
		slices.SortStableFunc(fitting, func(a, b string) int {
			return cmp.Or(cmp.Compare(level[a], level[b]), cmp.Compare(of[a].rank, of[b].rank))
		})
		if len(fitting) < n {
			return nil
		}
		return fitting[:n]
	}
	single := func(seats []string) bool {
		rest := without(free, seats)
		for _, seat := range seats {
			for _, beside := range of[seat].beside {
				if slices.Contains(rest, beside) && len(without(rest, of[beside].beside)) == len(rest) {
					return true
				}
			}
		}
		return false
	}
	type candidate struct {
		seats      []string
		level, sum int
		single     bool
	}
	var candidates []candidate
	for i, line := range lines {
		starts := len(line) - n + 1
		if round[i] && n < len(line) {
			starts = len(line)
		}
		for start := range max(starts, 0) {
			c := candidate{seats: slices.Concat(line, line)[start : start+n]}
			if len(without(c.seats, fitting)) > 0 {
				continue
			}
			c.level, c.single = level[c.seats[0]], single(c.seats)
			for _, seat := range c.seats {
				c.sum += of[seat].rank
			}
			if w.Singles != seatmap.SinglesRefused || !c.single {
				candidates = append(candidates, c)
			}
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		if w.Singles != seatmap.SinglesAllowed && a.single != b.single {
			if a.single {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.sum, b.sum))
	})
	if candidates == nil {
		return nil
	}
	return candidates[0].seats
}

// letters returns the labels of n seats, from "a" on.
func letters(n int) (seats []string) {
	for i := range n {
		seats = append(seats, string(rune('a'+i)))
	}
	return seats
}

func TestTheChoiceInEveryRowOfSixIsTheBestOne(t *testing.T) {
	const size = 6
	m := newMap(t, seatmap.MapOptions{Manual: true})
	seats := letters(size)
	for aisles := range 1<<(size-1) + 1 {
		row := seatmap.Row{Seats: seats, Table: aisles == 1<<(size-1)}
		for i := range size - 1 {
			if aisles>>i&1 == 1 && !row.Table {
				row.Aisles = append(row.Aisles, seats[i])
			}
		}
		layout := seatmap.Layout{Rows: []seatmap.Row{row}}
		require.NoError(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: layout})))
		for taken := range 1<<size - 1 {
			var free, gone []string
			for i, seat := range seats {
				if taken>>i&1 == 1 {
					gone = append(gone, seat)
				} else {
					free = append(free, seat)
				}
			}
			var h seatmap.Hold
			if gone != nil {
				h = block(t, m, "ann", gone...)
			}
			for n := 1; n <= size; n++ {
				for _, singles := range []seatmap.Singles{seatmap.SinglesAllowed, seatmap.SinglesAvoided, seatmap.SinglesRefused} {
					where := seatmap.Where{Adjacent: true, Singles: singles}
					mustChoose(t, m, &layout, free, n, &where)
				}
			}
			if gone != nil {
				require.NoError(t, release(m, h.Token))
			}
		}
		require.NoError(t, errOf(m.Remove(ctx, seatmap.RemoveRequest{Event: event})))
	}
}

// mustChoose checks what BlockAny chooses, and releases it.
func mustChoose(t require.TestingT, m *seatmap.Map, l *seatmap.Layout, free []string, n int, w *seatmap.Where) {
	want := chosen(l, free, n, w)
	h, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "bob", N: n, Where: *w, TTL: hold})
	if !slices.Equal(want, h.Seats) {
		require.Equal(t, want, h.Seats, "%+v of %v in %+v: %v", w, free, l, err)
	}
	switch {
	case want != nil:
		require.NoError(t, err)
		require.NoError(t, release(m, h.Token))
	case len(free) == 0:
		require.ErrorIs(t, err, seatmap.ErrSoldOut)
	default:
		require.ErrorIs(t, err, seatmap.ErrNotEnough)
	}
}

// someLayout draws a layout of the seats.
func someLayout(t *rapid.T, seats []string) (l seatmap.Layout) {
	name := func(kind string) *rapid.Generator[string] {
		return rapid.SampledFrom([]string{"", kind + "1", kind + "2"})
	}
	for rest := seats; len(rest) > 0; {
		n := rapid.IntRange(1, len(rest)).Draw(t, "row")
		r := seatmap.Row{
			Seats: rest[:n], Section: name("s").Draw(t, "section"), Name: name("r").Draw(t, "name"), Category: name("c").Draw(t, "category"),
		}
		rest = rest[n:]
		if r.Table = rapid.Bool().Draw(t, "table"); !r.Table {
			for _, seat := range r.Seats[:n-1] {
				if rapid.IntRange(0, 3).Draw(t, "aisle") == 0 {
					r.Aisles = append(r.Aisles, seat)
				}
			}
		}
		if rapid.Bool().Draw(t, "ranked") {
			r.Ranks = rapid.SliceOfN(rapid.Uint16Max(3), n, n).Draw(t, "ranks")
		}
		l.Rows = append(l.Rows, r)
	}
	for range rapid.IntRange(0, 2).Draw(t, "categories") {
		first := rapid.IntRange(0, len(seats)-1).Draw(t, "first")
		last := rapid.IntRange(first, len(seats)-1).Draw(t, "last")
		l.Categories = append(l.Categories, seatmap.Category{Name: "c3", First: seats[first], Last: seats[last]})
	}
	return l
}

// someWhere draws a wish about the seats of a layout of someLayout.
func someWhere(t *rapid.T, prefixes ...string) (w seatmap.Where) {
	rarely := func(of ...string) string {
		return rapid.SampledFrom(append([]string{"", "", ""}, of...)).Draw(t, "of")
	}
	w.Prefix, w.Section, w.Category = rarely(prefixes...), rarely("s1", "s2", "s9"), rarely("c1", "c2", "c3", "c9")
	if rapid.Bool().Draw(t, "in rows") {
		w.Rows = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "r1", "r2", "r9"}), 0, 3, rapid.ID).Draw(t, "rows")
	}
	if w.Adjacent = rapid.Bool().Draw(t, "adjacent"); w.Adjacent {
		w.Singles = seatmap.Singles(rapid.IntRange(0, 2).Draw(t, "singles"))
	}
	return w
}

func TestTheChoiceInAnyLayoutIsTheBestOne(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		m := seatmap.NewMap(seatmap.MapOptions{Manual: true})
		defer func() { require.NoError(t, m.Close()) }()
		seats := letters(rapid.IntRange(1, 12).Draw(t, "seats"))
		layout := someLayout(t, seats)
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			layout = seatmap.Layout{Seats: seats, Categories: layout.Categories}
		case 1:
			layout = seatmap.Layout{Count: len(seats)}
			seats = nil
			for i := range layout.Count {
				seats = append(seats, fmt.Sprint(i+1))
			}
		}
		require.NoError(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: layout})))
		same, err := m.Layout(ctx, seatmap.LayoutRequest{Event: event})
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%+v", layout), fmt.Sprintf("%+v", same))
		free := rapid.SliceOfNDistinct(rapid.SampledFrom(seats), 0, len(seats), rapid.ID).Draw(t, "free")
		if gone := without(seats, free); len(gone) > 0 {
			require.NoError(t, errOf(tryBlock(m, "ann", gone...)))
		}
		free = without(seats, without(seats, free)) // in order
		for range 8 {
			w := someWhere(t, "a", "1")
			mustChoose(t, m, &layout, free, rapid.IntRange(1, len(seats)+1).Draw(t, "n"), &w)
		}
	})
}

func TestLayoutsThatAreRefused(t *testing.T) {
	long := strings.Repeat("x", seatmap.MaxName+1)
	row := func(change func(*seatmap.Row)) seatmap.Layout {
		r := seatmap.Row{Section: "stalls", Name: "A", Seats: letters(4)}
		change(&r)
		return seatmap.Layout{Rows: []seatmap.Row{r}}
	}
	m := newMap(t, seatmap.MapOptions{Manual: true})
	for want, layout := range map[string]seatmap.Layout{
		"both Count and Rows":           {Count: 1, Rows: []seatmap.Row{{Seats: letters(1)}}},
		"both Seats and Rows":           {Seats: letters(1), Rows: []seatmap.Row{{Seats: []string{"z"}}}},
		"both Count and Seats":          {Count: 1, Seats: letters(1)},
		"0 seats, not 1 to":             {Rows: []seatmap.Row{}},
		"row 1 has no seats":            {Rows: []seatmap.Row{{Seats: letters(1)}, {}}},
		"1 of 3 labels are repeated":    {Rows: []seatmap.Row{{Seats: letters(1)}, {Seats: letters(2)}}},
		"in label 0":                    {Rows: []seatmap.Row{{Seats: []string{"\n"}}}},
		"in row 0":                      row(func(r *seatmap.Row) { r.Section = long }),
		"control character U+0009":      row(func(r *seatmap.Row) { r.Name = "\t" }),
		"not UTF-8":                     row(func(r *seatmap.Row) { r.Category = "\xff" }),
		"has 3 ranks for 4 seats":       row(func(r *seatmap.Row) { r.Ranks = make([]uint16, 3) }),
		"is a table and has an aisle":   row(func(r *seatmap.Row) { r.Table, r.Aisles = true, []string{"a"} }),
		`an aisle after "d"`:            row(func(r *seatmap.Row) { r.Aisles = []string{"d"} }),
		`an aisle after "e"`:            row(func(r *seatmap.Row) { r.Aisles = []string{"a", "e"} }),
		`no seats from "b" to "a"`:      {Seats: letters(2), Categories: []seatmap.Category{{Name: "gold", First: "b", Last: "a"}}},
		`no seats from "1" to "9"`:      {Count: 2, Categories: []seatmap.Category{{Name: "gold", First: "1", Last: "9"}}},
		"in category 0":                 {Count: 2, Categories: []seatmap.Category{{First: "1", Last: "2"}}},
		`closes "c", which it does not`: {Rows: []seatmap.Row{{Seats: letters(2)}}, Closed: []string{"c"}},
	} {
		_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: layout})
		require.ErrorIs(t, err, seatmap.ErrInvalidLayout, want)
		assert.ErrorContains(t, err, want)
	}
}

func TestManyCategoriesAreRefusedAndNotMixedUp(t *testing.T) {
	const most = 1<<16 - 1
	m := newMap(t, seatmap.MapOptions{Manual: true})
	l := seatmap.Layout{Count: most + 1}
	for i := range l.Count {
		seat := fmt.Sprint(i + 1)
		l.Categories = append(l.Categories, seatmap.Category{Name: "c" + seat, First: seat, Last: seat})
	}
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: l})
	require.ErrorIs(t, err, seatmap.ErrInvalidLayout)
	l.Categories = l.Categories[:most]
	require.NoError(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: l})))
	last := fmt.Sprint(most)
	h, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "ann", N: 1, TTL: hold, Where: seatmap.Where{Category: "c" + last}})
	require.NoError(t, err)
	assert.Equal(t, []string{last}, h.Seats)
}

func TestTheLayoutSaysWhatIsClosedAndIsTheCallersOwn(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{Manual: true})
	seats := letters(5)
	layout := seatmap.Layout{
		Rows: []seatmap.Row{{Seats: seats, Aisles: []string{"b"}, Ranks: []uint16{1, 0, 0, 1, 2}}}, Closed: []string{"d", "b", "d"},
		Categories: []seatmap.Category{{Name: "gold", First: "a", Last: "b"}},
	}
	require.NoError(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: layout})))
	ask := func() seatmap.Layout {
		l, err := m.Layout(ctx, seatmap.LayoutRequest{Event: event})
		require.NoError(t, err)
		return l
	}
	want := layout
	want.Closed = []string{"b", "d"}
	got := ask()
	assert.Equal(t, want, got)
	got.Rows[0].Seats[0], got.Rows[0].Aisles[0], got.Rows[0].Ranks[0], got.Categories[0].Name = "x", "x", 9, "x"
	assert.Equal(t, want, ask())
	layout.Rows[0].Aisles[0], layout.Rows[0].Ranks[0], layout.Categories[0].Name = "x", 9, "x"
	assert.Equal(t, "b", ask().Rows[0].Aisles[0])
	assert.EqualValues(t, 1, ask().Rows[0].Ranks[0])
	assert.Equal(t, "gold", ask().Categories[0].Name)
}

func TestSinglesNeedAdjacent(t *testing.T) {
	m := newEvent(t, 5, seatmap.Limits{}, seatmap.MapOptions{})
	for _, w := range []seatmap.Where{{Singles: seatmap.SinglesAvoided}, {Singles: seatmap.SinglesRefused}, {Singles: 3, Adjacent: true}} {
		_, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "ann", N: 1, TTL: hold, Where: w})
		require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
	}
	assert.Equal(t, "Allowed Avoided Refused Singles(3)", fmt.Sprint(
		seatmap.SinglesAllowed, " ", seatmap.SinglesAvoided, " ", seatmap.SinglesRefused, " ", seatmap.Singles(3)))
}

func TestAKeyIsOfOneLayoutAndOneWish(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	layouts := []seatmap.Layout{
		{Seats: letters(2)},
		{Rows: []seatmap.Row{{Seats: letters(2)}}},
		{Rows: []seatmap.Row{{Seats: letters(2), Table: true}}},
		{Rows: []seatmap.Row{{Seats: letters(2), Aisles: []string{"a"}}}},
		{Rows: []seatmap.Row{{Seats: letters(2), Name: "A"}}},
		{Rows: []seatmap.Row{{Seats: letters(2), Section: "A"}}},
		{Rows: []seatmap.Row{{Seats: letters(2), Category: "A"}}},
		{Rows: []seatmap.Row{{Seats: letters(2), Ranks: []uint16{1, 2}}}},
		{Seats: letters(2), Closed: []string{"a"}},
		{Seats: letters(2), Categories: []seatmap.Category{{Name: "A", First: "a", Last: "a"}}},
		{Seats: letters(2), Categories: []seatmap.Category{{Name: "A", First: "a", Last: "b"}}},
		{Rows: []seatmap.Row{{Seats: []string{"a"}}, {Seats: []string{"b"}}}},
		{Count: 2},
	}
	wishes := []seatmap.Where{
		{},
		{Prefix: "A"},
		{Section: "A"},
		{Category: "A"},
		{Rows: []string{"A"}},
		{Rows: []string{"A", "B"}},
		{Rows: []string{"B", "A"}},
		{Adjacent: true},
		{Adjacent: true, Singles: seatmap.SinglesAvoided},
		{Adjacent: true, Singles: seatmap.SinglesRefused},
	}
	for i, layout := range layouts {
		name := fmt.Sprint(i)
		key := seatmap.NewKey("k")
		require.NoError(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: name, Key: key, Layout: layout})))
		for j, other := range layouts {
			r, err := m.Create(ctx, seatmap.CreateRequest{Event: name, Key: key, Layout: other})
			assert.Equal(t, i == j, r.Replayed, "%+v and %+v: %v", layout, other, err)
		}
	}
	one := seatmap.Layout{Rows: []seatmap.Row{{Section: "A", Category: "A", Name: "A", Seats: []string{"A1", "A2", "A3"}}, {Name: "B", Seats: letters(3)}}}
	require.NoError(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: one})))
	for i, w := range wishes {
		r := seatmap.BlockAnyRequest{Event: event, User: fmt.Sprint(i), Key: seatmap.NewKey("k"), N: 1, TTL: hold, Where: w}
		h, err := m.BlockAny(ctx, r)
		require.NoError(t, err, "%+v", w)
		for j, other := range wishes {
			r.Where = other
			again, err := m.BlockAny(ctx, r)
			assert.Equal(t, i == j, again.Replayed, "%+v and %+v: %v", w, other, err)
		}
		require.NoError(t, release(m, h.Token))
	}
}

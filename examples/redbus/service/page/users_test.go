package page_test

import (
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/redbus/service"
	"github.com/coderrange/ferrous/seatmap"
)

// All tests share one browser. Each has a service and tabs of its own.
func TestPageInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes long to start")
	}
	browser := startBrowser(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, context.Context)
	}{
		{"of two users who want a seat one gets it and the other sees that", twoUsers},
		{"a hold runs out on the page", runsOut},
		{"the best seats, extended and released", best},
		{"a booking is canceled, and someone else books the seat", canceled},
		{"places of an area", area},
		{"a card that is refused charges nothing", refusedCard},
		{"a lost answer is asked for again with the same key", lostAnswer},
		{"the keyboard is enough", keyboard},
		{"sold out, and given back", soldOut},
		{"a service that comes back", comesBack},
		{"a service that has forgotten everything", forgotten},
		{"a hold outlives a reload", reload},
		{"looks and names", looks},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, browser) })
	}
}

func line(n int) seatmap.Layout { return seatmap.Layout{Count: n} }

func twoUsers(t *testing.T, browser context.Context) {
	s := newSite(t)
	s.serve(service.Options{Store: newStore(t, line(10))})
	users := []*tab{enter(t, browser, s.url, "alice"), enter(t, browser, s.url, "Zoë 李")}
	for _, u := range users {
		u.choose("3")
	}
	for _, u := range users {
		u.do(`document.querySelector("#hold").click()`)
	}
	const won = `!document.querySelector("#held").hidden`
	for _, u := range users {
		u.wait(won + ` || document.querySelector("#news").textContent.includes("Seat 3 just slipped away")`)
	}
	i := slices.IndexFunc(users, func(u *tab) bool { return say[bool](u, won) })
	require.GreaterOrEqual(t, i, 0, "somebody must win")
	winner, loser := users[i], users[1-i]
	require.False(t, say[bool](loser, won))
	winner.looks("3", "mine")
	loser.looks("3", "held")

	winner.click("#pay button")
	winner.news("Booked: seat 3")
	winner.looks("3", "bought")
	loser.looks("3", "booked")
	assert.Equal(t, "Seat 3, booked", say[string](loser, `document.querySelector('[data-seat="3"]').ariaLabel`))
	winner.quiet(false)
	loser.quiet(true)
}

func runsOut(t *testing.T, browser context.Context) {
	s := newSite(t)
	s.serve(service.Options{Store: newStore(t, line(4)), Hold: 1500 * time.Millisecond})
	p := enter(t, browser, s.url, "alice")
	p.choose("1", "2")
	p.hold()
	p.news("Your hold has run out: seats 1, 2")
	p.looks("1", "free")
	p.looks("2", "free")
	assert.True(t, say[bool](p, `document.querySelector("#held").hidden`))
	p.quiet(true) // the hold may be gone before the page asks for it
}

func best(t *testing.T, browser context.Context) {
	s := newSite(t)
	s.serve(service.Options{Store: newStore(t, line(10))})
	p := enter(t, browser, s.url, "alice")
	p.do(`document.querySelector("#n").value = 3`)
	p.click("#best button")
	p.news("Held for you: seats 1, 2, 3.")
	assert.Regexp(t, `^[45]:\d\d$`, say[string](p, `document.querySelector("#left").textContent`))
	for _, seat := range []string{"1", "2", "3"} {
		p.looks(seat, "mine")
	}
	p.choose("5")
	p.news("Book or release what is held for you first.")
	p.click("#extend")
	p.news("Extended: ")
	p.click("#release")
	p.news("Released: seats 1, 2, 3.")
	p.looks("1", "free")

	p.do(`document.querySelector("#n").value = 11`)
	p.click("#best button")
	p.news("There are not so many free.")
	p.quiet(true)
}

func canceled(t *testing.T, browser context.Context) {
	s := newSite(t)
	store := newStore(t, line(4))
	s.serve(service.Options{Store: store})
	p, other := enter(t, browser, s.url, "alice"), enter(t, browser, s.url, "bob")
	book := func(p *tab, seat string) {
		t.Helper()
		p.choose(seat)
		p.hold()
		p.click("#pay button")
		p.news("Booked: seat " + seat)
	}
	book(p, "1")
	book(p, "2")
	other.looks("2", "booked")
	require.NoError(t, chromedp.Do(p.ctx, chromedp.Reload()))
	p.live()
	p.looks("2", "bought")
	const first = "#bookings li:first-child button"
	assert.Equal(t, "Cancel seat 1", say[string](p, `document.querySelector("`+first+`").ariaLabel`))

	p.click(first) // and then not
	p.news("Cancel seat 1? Others can have it then.")
	p.do(`document.querySelector("#bookings li:last-child button").focus()`)
	assert.Equal(t, "Cancel", say[string](p, `document.querySelector("`+first+`").textContent`))

	p.do(`document.querySelector("` + first + `").focus()`)
	p.press(kb.Enter)
	p.news("Cancel seat 1?")
	assert.Equal(t, "Really cancel seat 1", say[string](p, `document.activeElement.ariaLabel`))
	s.mu.Lock()
	s.lose = 2
	s.mu.Unlock()
	p.press(kb.Enter)
	p.news("Canceled: seat 1.")
	p.wait(`document.activeElement.id === "booked-title"`)
	p.looks("1", "free")
	p.looks("2", "bought")
	other.looks("1", "free")
	other.looks("2", "booked")
	keys := s.keys()
	assert.Len(t, slices.Compact(keys[len(keys)-3:]), 1, "the lost answers were asked for again with the same key")

	book(other, "1")
	p.looks("1", "booked")
	assert.Equal(t, 1, say[int](p, `document.querySelectorAll("#bookings li").length`))
	p.click(first)
	p.click(first)
	p.news("Canceled: seat 2.")
	p.wait(`document.activeElement.id === "seats-title"`)
	p.wait(`document.querySelector("#booked").hidden`)
	p.quiet(true) // the answers that were lost
	other.quiet(false)
}

func area(t *testing.T, browser context.Context) {
	s := newSite(t)
	store := newStore(t, seatmap.Layout{Areas: []seatmap.Area{{Name: "floor", Capacity: 5}}})
	s.serve(service.Options{Store: store})
	p, other := enter(t, browser, s.url, "alice"), enter(t, browser, s.url, "bob")
	p.do(`const input = document.querySelector("#areas input"); input.value = 2; input.oninput()`)
	p.hold()
	p.news("Held for you: 2 places in floor.")
	const free = `document.querySelector("#areas").innerText.includes("floor: %d of 5 places free")`
	other.wait(fmt.Sprintf(free, 3))
	p.click("#release")
	other.wait(fmt.Sprintf(free, 5))
	p.wait(fmt.Sprintf(free, 5))
	p.quiet(false)
	other.quiet(false)
}

func refusedCard(t *testing.T, browser context.Context) {
	s := newSite(t)
	store := newStore(t, line(4))
	s.serve(service.Options{Store: store})
	p := enter(t, browser, s.url, "alice")
	p.choose("4")
	p.hold()
	p.looks("4", "mine")
	p.do(`document.querySelector("#card").value = "bad"`)
	p.click("#pay button")
	p.news("The card was refused.")
	p.looks("4", "mine")
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "bus"})
	require.NoError(t, err)
	assert.Equal(t, 1, counts.Blocked)
	p.quiet(false)
}

func lostAnswer(t *testing.T, browser context.Context) {
	s := newSite(t)
	store := newStore(t, line(4))
	s.serve(service.Options{Store: store})
	p := enter(t, browser, s.url, "alice")
	s.mu.Lock()
	s.lose = 2
	s.mu.Unlock()
	p.click("#best button")
	p.news("Held for you: seats 1, 2.")
	keys := s.keys()
	require.Len(t, keys, 3)
	assert.NotEmpty(t, keys[0])
	assert.Equal(t, []string{keys[0]}, slices.Compact(keys))
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "bus"})
	require.NoError(t, err)
	assert.Equal(t, 2, counts.Blocked, "it was carried out once")
	p.click("#release")
	p.news("Released")
	p.click("#best button")
	p.news("Held for you")
	assert.Len(t, slices.Compact(s.keys()), 3, "another request has another key")
	p.quiet(true)
}

// tabTo presses Tab until the focus is on something, and asserts that each focus on the way
// can be seen.
func (p *tab) tabTo(selector string) {
	p.t.Helper()
	for range 30 {
		p.press(kb.Tab)
		assert.True(p.t, say[bool](p, `document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== "none"`))
		if say[bool](p, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	p.t.Fatalf("the Tab key does not reach %s", selector)
}

func keyboard(t *testing.T, browser context.Context) {
	s := newSite(t)
	s.serve(service.Options{Store: newStore(t, seatmap.Layout{Rows: []seatmap.Row{
		{Section: "Hall", Name: "A", Seats: []string{"A1", "A2", "A3"}},
		{Section: "Hall", Name: "B", Seats: []string{"B1", "B2", "B3"}},
	}})})
	p := openTab(t, browser, s.url)
	p.tabTo("#name")
	p.press("alice" + kb.Enter)
	p.live()
	p.wait(`document.activeElement.id === "seats-title"`)
	p.tabTo("[data-seat]")
	at := func(seat string) {
		t.Helper()
		assert.Equal(t, seat, say[string](p, `document.activeElement.dataset.seat ?? document.activeElement.id`))
	}
	at("A1")
	p.press(kb.ArrowUp + kb.ArrowLeft) // there is nothing
	at("A1")
	p.press(kb.ArrowRight + " ")
	at("A2")
	p.looks("A2", "chosen")
	p.press(kb.ArrowDown + " ")
	at("B2")
	p.press(kb.End)
	at("B3")
	p.press(kb.ArrowUp)
	at("A3")
	p.press(kb.Home)
	at("A1")
	p.press(" " + " ") // chosen, and not
	p.looks("A1", "free")
	p.tabTo("#hold")
	p.press(kb.Enter)
	p.news("Held for you: seats A2, B2.")
	p.wait(`document.activeElement.id === "held-title"`)
	p.tabTo("#pay button")
	p.press(kb.Enter)
	p.news("Booked: seats A2, B2.")
	p.wait(`document.activeElement.id === "booked-title"`)
	p.quiet(false)
}

func soldOut(t *testing.T, browser context.Context) {
	s := newSite(t)
	store := newStore(t, line(2))
	s.serve(service.Options{Store: store})
	p := enter(t, browser, s.url, "alice")
	p.choose("2")
	hold, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "bus", User: "bob", Seats: []string{"1", "2"}, TTL: time.Hour})
	require.NoError(t, err)
	p.wait(`!document.querySelector("#sold").hidden`)
	p.news("Seat 2 just slipped away")
	p.click("#best button")
	p.news("Sold out")
	_, err = store.Release(t.Context(), seatmap.ReleaseRequest{Token: hold.Token})
	require.NoError(t, err)
	p.wait(`document.querySelector("#sold").hidden`)
	p.looks("2", "free")
	p.quiet(true)
}

func comesBack(t *testing.T, browser context.Context) {
	s := newSite(t)
	store := newStore(t, line(10))
	stop := s.serve(service.Options{Store: store})
	p := enter(t, browser, s.url, "alice")
	p.choose("1")
	p.hold()
	p.looks("1", "mine")
	stop()
	p.wait(`document.querySelector("#line").dataset.line === "off"`)
	p.wait(`document.querySelector("#line").textContent === "Reconnecting…"`)
	_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "bus", User: "bob", Seats: []string{"7"}, TTL: time.Hour})
	require.NoError(t, err)
	s.serve(service.Options{Store: store})
	p.live()
	p.looks("7", "held")
	p.looks("1", "mine")
	p.click("#release")
	p.news("Released: seat 1.")
	p.looks("1", "free")
	p.quiet(true)
}

func forgotten(t *testing.T, browser context.Context) {
	s := newSite(t)
	stop := s.serve(service.Options{Store: newStore(t, line(10))})
	p := enter(t, browser, s.url, "alice")
	p.choose("1")
	p.hold()
	p.looks("1", "mine")
	stop()
	store := newStore(t, line(10))
	_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "bus", User: "bob", Seats: []string{"2"}, TTL: time.Hour})
	require.NoError(t, err)
	s.serve(service.Options{Store: store})
	p.news("Your hold has run out: seat 1")
	p.live()
	p.looks("1", "free")
	p.looks("2", "held")
	p.quiet(true)
}

func reload(t *testing.T, browser context.Context) {
	s := newSite(t)
	s.serve(service.Options{Store: newStore(t, line(10))})
	p := enter(t, browser, s.url, "alice")
	p.choose("1", "2")
	p.hold()
	p.looks("2", "mine")
	late := make(chan struct{})
	s.mu.Lock()
	s.late = late
	s.mu.Unlock()
	require.NoError(t, chromedp.Do(p.ctx, chromedp.Reload()))
	p.wait(`performance.now() > 1000`) // the page does not know what is left, and must not guess
	close(late)
	p.live()
	p.looks("1", "mine")
	p.wait(`/^[45]:\d\d$/.test(document.querySelector("#left").textContent)`)
	p.click("#release")
	p.news("Released: seats 1, 2.")
	p.click("#leave")
	p.wait(`document.querySelector("#who")?.offsetParent`)
	assert.Zero(t, say[int](p, `sessionStorage.length`))
	p.quiet(false)
}

// axe is axe-core, see testdata.
func axe(t *testing.T) string {
	t.Helper()
	file, err := os.Open("testdata/axe.min.js.gz")
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // it was read
	z, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(text)
}

// looks holds each state of the page to the rules of axe-core, narrow and wide, light and
// dark. With -artifacts it leaves pictures.
func looks(t *testing.T, browser context.Context) {
	s := newSite(t)
	row := func(section, name string, table bool) seatmap.Row {
		r := seatmap.Row{Section: section, Name: name, Table: table}
		for i := range 8 {
			r.Seats = append(r.Seats, fmt.Sprint(name, i+1))
		}
		if !table {
			r.Aisles = []string{name + "4"}
		}
		return r
	}
	store := newStore(t, seatmap.Layout{
		Rows:   []seatmap.Row{row("Stalls", "A", false), row("Stalls", "B", false), row("Stalls", "C", false), row("Balcony", "D", false), row("Tables", "T", true)},
		Areas:  []seatmap.Area{{Name: "Floor", Capacity: 200}},
		Closed: []string{"C1", "C8"},
	})
	s.serve(service.Options{Store: store})
	block := func(seats ...string) seatmap.Hold {
		h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "bus", User: "bob", Seats: seats, Places: map[string]int{"Floor": 1}, TTL: time.Hour})
		require.NoError(t, err)
		return h
	}
	_, err := store.Book(t.Context(), seatmap.BookRequest{Token: block("A3", "A4", "B5").Token})
	require.NoError(t, err)
	block("A6", "D2")

	p := openTab(t, browser, s.url)
	check := axe(t)
	p.check(check, "begin")
	p.do(`document.querySelector("#name").value = "alice"`)
	p.click("#who button")
	p.live()
	p.choose("T1", "T2")
	p.hold()
	p.looks("T1", "mine")
	p.click("#pay button")
	p.news("Booked")
	p.choose("B2", "B3")
	p.check(check, "choose")
	p.hold()
	p.looks("B2", "mine")
	p.check(check, "held")
}

// check asks axe-core about the page as it is.
func (p *tab) check(axe, name string) {
	p.t.Helper()
	p.quiet(false)
	p.do(axe)
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}})
			require.NoError(p.t, err)
			require.NoError(p.t, chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 760)))
			where := fmt.Sprintf("%s-%d-%s", name, width, scheme)
			assert.LessOrEqual(p.t, say[int64](p, `document.documentElement.scrollWidth`), width, where)
			faults := say[[]string](p, `axe.run({resultTypes: ["violations"]}).then((r) => r.violations.map((v) =>
				v.impact + " " + v.id + ": " + v.help + " " + v.nodes.map((n) => n.html + " " + n.failureSummary).join("; ")))`)
			assert.Empty(p.t, faults, where)
			if flag.Lookup("test.artifacts").Value.String() != "true" {
				continue
			}
			for suffix, shot := range map[string]chromedp.Action[[]byte]{"": chromedp.CaptureScreenshot(), "-full": chromedp.FullScreenshot(100)} {
				picture, err := chromedp.Run(p.ctx, shot)
				require.NoError(p.t, err)
				require.NoError(p.t, os.WriteFile(filepath.Join(p.t.ArtifactDir(), where+suffix+".png"), picture, 0o600))
			}
		}
	}
}

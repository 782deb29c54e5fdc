package seatmap_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// hiding is a user's struct, of which fmt cannot call the methods of the field.
type hiding struct{ v any }

func TestNothingThatPrintsShowsASecret(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
	const keyText = "the-key-of-ann"
	key := seatmap.NewKey(keyText)
	r := seatmap.BlockRequest{Event: event, User: "ann", Key: key, Seats: []string{"1"}, TTL: hold}
	h, err := m.Block(ctx, r)
	require.NoError(t, err)
	text := h.Token.Reveal()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	secret := raw[20:36]
	decimal := strings.Trim(fmt.Sprintf("%d", secret), "[]")
	forms := []string{
		text, keyText, hex.EncodeToString([]byte(keyText)), hex.EncodeToString(secret), string(secret), decimal,
		strings.ReplaceAll(decimal, " ", ","), strings.ReplaceAll(decimal, " ", ", "),
		base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
	}
	clean := func(what, printed string) {
		t.Helper()
		for _, form := range forms {
			assert.NotContains(t, strings.ToLower(printed), strings.ToLower(form), what)
		}
	}
	plan, err := seatmap.NewPlan(seatmap.PlanOptions{Seats: 2})
	require.NoError(t, err)
	token, err := plan.Block(1, hold, 0)
	require.NoError(t, err)
	raw, err = base64.RawURLEncoding.DecodeString(token.Reveal())
	require.NoError(t, err)
	forms = append(forms, token.Reveal(), hex.EncodeToString(raw[20:36]), strings.Trim(fmt.Sprintf("%d", raw[20:36]), "[]"))
	_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Key: key, Seats: []string{"2"}, TTL: hold})
	require.ErrorIs(t, err, seatmap.ErrKeyReused)
	type open struct{ V any }
	type direct struct {
		token seatmap.Token
		key   seatmap.Key
		hold  seatmap.Hold
		block seatmap.BlockRequest
		book  seatmap.BookRequest
	}
	for _, v := range []any{
		h.Token, key, h, r, plan, m, err, token,
		seatmap.Booking{Token: h.Token},
		seatmap.BookRequest{Token: h.Token, Key: key},
		seatmap.BlockAnyRequest{Key: key},
		seatmap.ReleaseRequest{Token: h.Token},
		seatmap.ExtendRequest{Token: h.Token},
		seatmap.CancelRequest{Token: h.Token},
		direct{token: h.Token, key: key, hold: h, block: r, book: seatmap.BookRequest{Token: h.Token, Key: key}},
	} {
		for _, v := range []any{
			v, &v, open{v}, &open{v}, hiding{v}, &hiding{v}, []any{v}, map[string]any{"v": v}, map[any]int{fmt.Sprint(v): 1},
		} {
			for verb := range strings.FieldsSeq("%v %+v %#v %s %q %x %X %d %o %b %c %U %e %g %t %T %p % x %#x %+q %!") {
				clean(verb, fmt.Sprintf(verb, v))
			}
			var log strings.Builder
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
			clean("slog", log.String())
			encoded, err := json.Marshal(v)
			clean("json", string(encoded)+fmt.Sprint(err))
			var stream bytes.Buffer
			err = gob.NewEncoder(&stream).Encode(v)
			clean("gob", stream.String()+fmt.Sprint(err))
		}
	}
}

func TestADamagedTokenIsNeverExpired(t *testing.T) {
	m := newEvent(t, 5, seatmap.Limits{}, seatmap.MapOptions{})
	live := block(t, m, "ann", "1", "2")
	require.NoError(t, release(m, live.Token, "1")) // it begins elsewhere now
	over := block(t, m, "bob", "3")
	require.NoError(t, release(m, over.Token))
	booked := block(t, m, "carl", "4")
	b, err := book(m, booked.Token)
	require.NoError(t, err)
	for _, token := range []seatmap.Token{live.Token, over.Token, b.Token} {
		text := token.Reveal()
		same, err := seatmap.ParseToken(text)
		require.NoError(t, err)
		require.Equal(t, token, same)
		for bit := range seatmap.TokenBits {
			damaged := seatmap.Damaged(token, bit)
			require.ErrorIs(t, release(m, damaged), seatmap.ErrToken, bit)
			require.ErrorIs(t, cancel(m, damaged), seatmap.ErrToken, bit)
			_, err := extend(m, damaged, hold)
			require.ErrorIs(t, err, seatmap.ErrToken, bit)
			_, err = book(m, damaged)
			require.ErrorIs(t, err, seatmap.ErrToken, bit)
		}
		changed := []string{"", text + "A", text + "\n", " " + text, strings.ToLower(text), strings.ToUpper(text), text + "é"}
		for i := range len(text) {
			changed = append(changed, text[:i], text[i+1:])
			for bit := range 8 {
				flipped := []byte(text)
				flipped[i] ^= 1 << bit
				changed = append(changed, string(flipped))
			}
		}
		for _, text := range changed {
			if text == token.Reveal() {
				continue
			}
			_, err := seatmap.ParseToken(text)
			require.ErrorIs(t, err, seatmap.ErrToken, text)
		}
	}
	require.ErrorIs(t, release(m, over.Token), seatmap.ErrExpired)
	other := newEvent(t, 5, seatmap.Limits{}, seatmap.MapOptions{})
	for range 3 {
		block(t, other, "dan", fmt.Sprint(counts(t, other).Blocked+1))
	}
	for _, token := range []seatmap.Token{live.Token, over.Token, b.Token} {
		require.ErrorIs(t, release(other, token), seatmap.ErrToken, "another map's")
	}
	require.NoError(t, release(m, live.Token))
}

func TestTokensOfOneHoldAreEqual(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1", "2", "3")
	for _, seat := range []string{"1", "2"} {
		require.NoError(t, release(m, h.Token, seat))
		longer, err := extend(m, h.Token, time.Hour)
		require.NoError(t, err)
		require.True(t, longer.Token == h.Token)
	}
	require.NoError(t, release(m, h.Token))
}

func TestAnEmptyListOfSeatsIsNotAll(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1")
	none := []string{}
	_, err := book(m, h.Token, none...)
	require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
	require.ErrorIs(t, release(m, h.Token, none...), seatmap.ErrInvalidSeats)
	require.ErrorIs(t, cancel(m, h.Token, none...), seatmap.ErrInvalidSeats)
	_, err = tryBlock(m, "bob", none...)
	require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
	p := newPlan(t, 2, nil)
	token, err := p.Block(1, hold, 0)
	require.NoError(t, err)
	require.ErrorIs(t, p.Release(token, []int{}...), seatmap.ErrInvalidSeats)
	_, err = p.Book(token, []int{}...)
	require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
	require.NoError(t, p.Release(token))
	require.NoError(t, release(m, h.Token))
}

func TestAReusedKeySaysWhatDiffers(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	r := seatmap.BlockRequest{Event: event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}, TTL: hold}
	_, err := m.Block(ctx, r)
	require.NoError(t, err)
	r.Seats, r.TTL = []string{"2"}, hold+1
	_, err = m.Block(ctx, r)
	var reused *seatmap.KeyError
	require.True(t, errors.As(err, &reused))
	assert.Equal(t, []string{"Seats", "TTL"}, reused.Differs())
	_, err = m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "ann", Key: r.Key, N: 1, TTL: hold})
	require.True(t, errors.As(err, &reused))
	assert.Equal(t, []string{"method"}, reused.Differs())
}

func FuzzParseToken(f *testing.F) {
	f.Add(strings.Repeat("A", 48))
	f.Fuzz(func(t *testing.T, text string) {
		token, err := seatmap.ParseToken(text)
		if err == nil {
			require.Equal(t, text, token.Reveal(), "one form only")
		}
	})
}

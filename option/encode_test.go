package option_test

import (
	"bytes"
	"database/sql/driver"
	"encoding/gob"
	"encoding/xml"
	"errors"
	"flag"
	"math"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/option"
)

type (
	level   int8
	colour  string
	celsius float32
	tag     struct{ name string }
)

// MarshalText is an old-fashioned text without AppendText.
func (t tag) MarshalText() ([]byte, error) {
	if t.name == "bad" {
		return nil, errors.New("bad tag")
	}
	return []byte("#" + t.name), nil
}

func (t *tag) UnmarshalText(text []byte) error {
	name, found := bytes.CutPrefix(text, []byte("#"))
	if !found {
		return errors.New("no tag")
	}
	t.name = string(name)
	return nil
}

func roundTripText[T any](t *testing.T, o option.Option[T], want string) {
	t.Helper()
	text, err := o.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, want, string(text))
	text, err = o.AppendText([]byte("x="))
	require.NoError(t, err)
	assert.Equal(t, "x="+want, string(text))
	var back option.Option[T]
	require.NoError(t, back.UnmarshalText([]byte(want)))
	assert.Equal(t, o, back)
}

func TestTextIsTheValuesOwn(t *testing.T) {
	roundTripText(t, option.None[int](), "")
	roundTripText(t, option.Some(0), "0")
	roundTripText(t, option.Some(level(-128)), "-128")
	roundTripText(t, option.Some(uint64(math.MaxUint64)), "18446744073709551615")
	roundTripText(t, option.Some(true), "true")
	roundTripText(t, option.Some("null"), "null")
	roundTripText(t, option.Some(colour("red")), "red")
	roundTripText(t, option.Some(celsius(0.1)), "0.1")
	roundTripText(t, option.Some(math.Inf(-1)), "-Inf")
	roundTripText(t, option.Some(tag{"x"}), "#x")
	roundTripText(t, option.Some(&tag{"x"}), "#x")
	roundTripText(t, option.Some(*big.NewInt(12)), "12")
	roundTripText(t, option.Some(big.NewInt(12)), "12")
	roundTripText(t, option.Some(netip.MustParseAddr("127.0.0.1")), "127.0.0.1")
	roundTripText(t, option.Some(time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)), "2020-01-02T03:04:05.000000006Z")
	roundTripText(t, option.Some(option.Some(5)), "5")
	roundTripText(t, option.Some(time.Minute), "1m0s")
	roundTripText(t, option.Some(1-2i), "(1-2i)")
	roundTripText(t, option.Some(option.NotNull(5)), "5")
}

func TestTextThatWouldComeBackAsNoneIsRefused(t *testing.T) {
	_, err := option.Some("").MarshalText()
	require.ErrorIs(t, err, option.ErrEmptyText)
	_, err = option.Some(none).MarshalText()
	require.ErrorIs(t, err, option.ErrEmptyText)
	require.EqualError(t, option.ErrEmptyText, "option: the text of a value is empty, as None's is")
}

func badText[T any](t *testing.T, before option.Option[T], text string) {
	t.Helper()
	after := before
	require.Error(t, after.UnmarshalText([]byte(text)), text)
	assert.Equal(t, before, after)
}

func TestBadTextChangesNothing(t *testing.T) {
	badText(t, one, "x")
	badText(t, option.Some(level(1)), "128")
	badText(t, option.Some(uint8(1)), "-1")
	badText(t, option.Some(true), "maybe")
	badText(t, option.Some(celsius(1)), "1e99")
	badText(t, option.Some(tag{"x"}), "y")
	badText(t, option.Some(&tag{"x"}), "y")
	badText(t, option.Some([]int{1}), "1")
	badText(t, option.Some(new(int)), "1")

	_, err := option.Some([]int{1}).MarshalText()
	require.EqualError(t, err, "option: []int has no text")
	_, err = option.Some(tag{"bad"}).MarshalText()
	require.EqualError(t, err, "bad tag")
}

func TestTextServesXMLAndFlags(t *testing.T) {
	type doc struct {
		ID   option.Option[int]    `xml:"id,attr"`
		Name option.Option[string] `xml:"name"`
	}
	text, err := xml.Marshal(doc{ID: option.Some(7)})
	require.NoError(t, err)
	assert.Equal(t, `<doc id="7"><name></name></doc>`, string(text))
	var back doc
	require.NoError(t, xml.Unmarshal(text, &back))
	assert.Equal(t, doc{ID: option.Some(7)}, back)

	var port option.Option[uint16]
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(&bytes.Buffer{})
	flags.TextVar(&port, "port", option.None[uint16](), "")
	require.NoError(t, flags.Parse([]string{"-port=8080"}))
	assert.Equal(t, option.Some[uint16](8080), port)
	require.Error(t, flags.Parse([]string{"-port=70000"}))
}

func FuzzUnmarshalText(f *testing.F) {
	for _, seed := range []string{"", "0", "-1", "99999999999999999999", "0x10", " 1", "1_000"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := option.Some(int32(7))
		if o.UnmarshalText(data) != nil {
			require.Equal(t, option.Some(int32(7)), o)
			return
		}
		text, err := o.MarshalText()
		require.NoError(t, err)
		var back option.Option[int32]
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, o, back)
	})
}

type record struct {
	A option.Option[int]
	B option.Option[string]
	C option.Option[option.Option[int]]
	D option.Option[address]
	E []option.Option[bool]
	F map[string]option.Option[float64]
}

func TestGobRoundTrip(t *testing.T) {
	for _, want := range []record{
		{},
		{A: option.Some(0), B: option.Some(""), C: option.Some(none)},
		{
			A: one, B: option.Some("x"), C: option.Some(one), D: option.Some(address{Zip: one}),
			E: []option.Option[bool]{option.Some(false), option.None[bool]()},
			F: map[string]option.Option[float64]{"a": option.Some(0.5), "b": option.None[float64]()},
		},
	} {
		var b bytes.Buffer
		require.NoError(t, gob.NewEncoder(&b).Encode(want))
		var got record
		require.NoError(t, gob.NewDecoder(&b).Decode(&got))
		assert.Equal(t, want, got)
	}
}

func TestGobOfNoneReplacesAValue(t *testing.T) {
	data, err := none.GobEncode()
	require.NoError(t, err)
	o := one
	require.NoError(t, o.GobDecode(data))
	assert.Equal(t, none, o)
}

func TestBadGobChangesNothing(t *testing.T) {
	_, err := option.Some(make(chan int)).GobEncode()
	require.Error(t, err)
	good, err := one.GobEncode()
	require.NoError(t, err)
	o := option.Some("x")
	require.Error(t, o.GobDecode(good), "another type")
	require.ErrorIs(t, o.GobDecode(nil), option.ErrShape, "nothing")
	require.Error(t, o.GobDecode(good[:len(good)-1]), "cut short")
	assert.Equal(t, option.Some("x"), o)
}

func FuzzGobDecode(f *testing.F) {
	data, err := option.Some(address{Zip: one}).GobEncode()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := option.Some(address{City: option.Some("x")})
		o := before
		if o.GobDecode(data) != nil {
			require.Equal(t, before, o)
		}
	})
}

func TestGobRoundTripsEveryValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := option.None[string]()
		if rapid.Bool().Draw(t, "some") {
			want = option.Some(rapid.String().Draw(t, "value"))
		}
		data, err := want.GobEncode()
		require.NoError(t, err)
		var got option.Option[string]
		require.NoError(t, got.GobDecode(data))
		require.Equal(t, want, got)
	})
}

func FuzzUnmarshalBinary(f *testing.F) {
	for _, seed := range []string{"", "N", "n", "A", "i\x02", "s\x01x", "v\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rereadBinary(t, data, option.Some(7))
		rereadBinary(t, data, option.Some("x"))
		rereadBinary(t, data, option.Some(address{Zip: one}))
		rereadBinary(t, data, option.Some(one))
		n := option.NotNull(7)
		if n.UnmarshalBinary(data) != nil {
			require.Equal(t, option.NotNull(7), n)
		}
	})
}

func rereadBinary[T any](t *testing.T, data []byte, before option.Option[T]) {
	t.Helper()
	o := before
	if o.UnmarshalBinary(data) != nil {
		require.Equal(t, before, o)
		return
	}
	again, err := o.MarshalBinary()
	require.NoError(t, err)
	back := before
	require.NoError(t, back.UnmarshalBinary(again))
	require.Equal(t, o, back)
}

func TestSQLValue(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		from driver.Valuer
		want driver.Value
	}{
		{none, nil},
		{option.None[time.Time](), nil},
		{option.Some(0), int64(0)},
		{option.Some(level(3)), int64(3)},
		{option.Some(colour("red")), "red"},
		{option.Some([]byte("x")), []byte("x")},
		{option.Some(true), true},
		{option.Some(now), now},
		{option.Some(option.Some(5)), int64(5)},
	} {
		got, err := c.from.Value()
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	_, err := option.Some(struct{}{}).Value()
	require.Error(t, err)
}

func TestSQLScan(t *testing.T) {
	o := one
	require.NoError(t, o.Scan(nil))
	assert.Equal(t, none, o)
	require.NoError(t, o.Scan(int64(0)))
	assert.Equal(t, option.Some(0), o)
	require.NoError(t, o.Scan("42"))
	assert.Equal(t, option.Some(42), o)
	require.Error(t, o.Scan("x"))
	require.Error(t, o.Scan(struct{}{}))
	assert.Equal(t, option.Some(42), o, "bad input changes nothing")

	var narrow option.Option[int8]
	require.Error(t, narrow.Scan(int64(128)))
	assert.True(t, narrow.IsNone())

	src := []byte("abc")
	var b option.Option[[]byte]
	require.NoError(t, b.Scan(src))
	src[0] = 'X'
	assert.Equal(t, option.Some([]byte("abc")), b, "the driver's buffer is not kept")

	var nested option.Option[option.Option[int]]
	require.NoError(t, nested.Scan(int64(5)))
	assert.Equal(t, option.Some(option.Some(5)), nested)
}

func TestYAMLHooks(t *testing.T) {
	v, err := one.MarshalYAML()
	require.NoError(t, err)
	assert.Equal(t, 1, v)
	v, err = none.MarshalYAML()
	require.NoError(t, err)
	assert.Nil(t, v)

	o := one
	boom := errors.New("boom")
	require.ErrorIs(t, o.UnmarshalYAML(func(any) error { return boom }), boom)
	assert.Equal(t, one, o)
	number := func(p any) error {
		if n, ok := p.(*int); ok {
			*n = 2
		}
		return nil
	}
	require.NoError(t, o.UnmarshalYAML(number))
	assert.Equal(t, two, o)

	// github.com/goccy/go-yaml decodes into no pointer to a pointer, and a null
	// at the top into anything.
	pointer := option.None[**int]()
	require.NoError(t, pointer.UnmarshalYAML(number))
	assert.Equal(t, 2, **pointer.Unwrap())
	null := func(p any) error {
		if n, ok := p.(*any); ok {
			*n = nil
		}
		return nil
	}
	require.NoError(t, o.UnmarshalYAML(null))
	assert.Equal(t, none, o)
	n := option.NotNull(1)
	require.NoError(t, n.UnmarshalYAML(null))
	assert.True(t, n.IsNull())

	for _, hidden := range []option.Nullable[option.Option[option.Option[int]]]{
		option.NotNull(option.Some(none)), option.NotNull(option.None[option.Option[int]]()),
	} {
		_, err = hidden.MarshalYAML()
		require.ErrorIs(t, err, option.ErrNull)
	}
}

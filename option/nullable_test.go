package option_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/option"
)

type patch struct {
	Name option.Nullable[string] `json:"name,omitzero"`
	Age  option.Nullable[int]    `json:"age,omitzero"`
}

func TestNullableTellsNullFromAbsent(t *testing.T) {
	for text, want := range map[string]patch{
		`{}`:                       {},
		`{"name":null}`:            {Name: option.Null[string]()},
		`{"name":"","age":0}`:      {Name: option.NotNull(""), Age: option.NotNull(0)},
		`{"name":null,"age":null}`: {Name: option.Null[string](), Age: option.Null[int]()},
	} {
		var got patch
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		assert.Equal(t, want, got)
		back, err := json.Marshal(got)
		require.NoError(t, err)
		assert.Equal(t, text, string(back))
	}
}

func TestNullableStates(t *testing.T) {
	for name, c := range map[string]struct {
		n            option.Nullable[int]
		absent, null bool
		option       option.Option[option.Option[int]]
		patched      option.Option[int]
	}{
		"absent": {option.Nullable[int]{}, true, false, option.None[option.Option[int]](), option.Some(9)},
		"null":   {option.Null[int](), false, true, option.Some(none), none},
		"value":  {option.NotNull(1), false, false, option.Some(one), one},
		"a zero": {option.NotNull(0), false, false, option.Some(option.Some(0)), option.Some(0)},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.absent, c.n.IsAbsent())
			assert.Equal(t, c.absent, c.n.IsZero())
			assert.Equal(t, c.null, c.n.IsNull())
			assert.Equal(t, c.option, c.n.Option())
			v, ok := c.n.Get()
			assert.Equal(t, !c.absent && !c.null, ok)
			assert.Equal(t, c.option.UnwrapOrDefault().UnwrapOrDefault(), v)
			field := option.Some(9)
			c.n.Patch(&field)
			assert.Equal(t, c.patched, field)
		})
	}
}

func TestAbsentNullableIsNeverWrittenAsNull(t *testing.T) {
	_, err := json.Marshal(struct{ Name option.Nullable[string] }{})
	require.ErrorIs(t, err, option.ErrAbsent)
	require.EqualError(t, option.ErrAbsent, "option: Nullable: absent; tag the field omitzero")
}

func TestBadJSONLeavesANullableUnchanged(t *testing.T) {
	p := patch{Age: option.NotNull(1)}
	var plain struct {
		Age int `json:"age"`
	}
	require.EqualError(t, json.Unmarshal([]byte(`{"age":"x"}`), &p), strings.Replace(
		json.Unmarshal([]byte(`{"age":"x"}`), &plain).Error(), "field .age", "field patch.age", 1))
	assert.Equal(t, patch{Age: option.NotNull(1)}, p)
}

func TestNullableRefusesWhatWouldComeBackAsAnotherState(t *testing.T) {
	var absent option.Nullable[int]
	null := option.Null[int]()
	_, err := absent.MarshalText()
	require.ErrorIs(t, err, option.ErrAbsent)
	_, err = absent.Value()
	require.ErrorIs(t, err, option.ErrAbsent)
	_, err = absent.MarshalYAML()
	require.ErrorIs(t, err, option.ErrAbsent)
	_, err = null.MarshalYAML()
	require.ErrorIs(t, err, option.ErrNull)
	_, err = option.NotNull((*int)(nil)).MarshalYAML()
	require.ErrorIs(t, err, option.ErrNull)
	require.EqualError(t, option.ErrNull, "option: Nullable: null would come back as absent")

	text, err := null.MarshalText()
	require.NoError(t, err)
	assert.Empty(t, text)
	value, err := null.Value()
	require.NoError(t, err)
	assert.Nil(t, value)
	n := option.NotNull(1)
	require.NoError(t, n.Scan(nil))
	assert.Equal(t, null, n)
	require.NoError(t, n.Scan("7"))
	assert.Equal(t, option.NotNull(7), n)
	require.Error(t, n.Scan("x"))
	require.Error(t, n.UnmarshalText([]byte("x")))
	assert.Equal(t, option.NotNull(7), n, "an error changes nothing")
}

package option_test

import (
	"encoding/json"
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
	require.EqualError(t, option.ErrAbsent, "option: Nullable.MarshalJSON: absent; tag the field omitzero")
}

func TestBadJSONLeavesANullableUnchanged(t *testing.T) {
	p := patch{Age: option.NotNull(1)}
	err := json.Unmarshal([]byte(`{"age":"x"}`), &p)
	require.EqualError(t, err, "json: cannot unmarshal string into Go struct field patch.age of type int")
	assert.Equal(t, patch{Age: option.NotNull(1)}, p)
}

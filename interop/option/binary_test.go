package option_test

import (
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

type values struct {
	A, B option.Option[int]
	C, D option.Nullable[string]
	E    option.Nullable[string]
	F, G result.Result[int]
	H    []option.Option[option.Option[int]]
	I    map[string]option.Option[string]
}

func TestCBORAndMessagePackLoseNothing(t *testing.T) {
	want := values{
		A: option.Some(42), C: option.NotNull(""), D: option.Null[string](), F: result.Ok(0), G: result.Err[int](assert.AnError),
		H: []option.Option[option.Option[int]]{{}, option.Some(option.None[int]()), option.Some(option.Some(0))},
		I: map[string]option.Option[string]{"some": option.Some(""), "none": {}},
	}
	for name, codec := range map[string]struct {
		encode func(any) ([]byte, error)
		decode func([]byte, any) error
	}{
		"CBOR":        {cbor.Marshal, cbor.Unmarshal},
		"MessagePack": {msgpack.Marshal, msgpack.Unmarshal},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := codec.encode(want)
			require.NoError(t, err)
			var got values
			require.NoError(t, codec.decode(data, &got))
			require.EqualError(t, got.G.Err(), assert.AnError.Error(), "of an error the text comes back")
			got.G = want.G
			assert.Equal(t, want, got)
		})
	}
}

package option_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/option"
)

func TestAQueryHoldsTheTextOfSomeAndNothingForNone(t *testing.T) {
	v := url.Values{}
	require.NoError(t, option.Some(0).EncodeValues("n", &v))
	require.NoError(t, none.EncodeValues("none", &v))
	require.NoError(t, option.NotNull("x y").EncodeValues("s", &v))
	require.NoError(t, option.Nullable[int]{}.EncodeValues("absent", &v))
	require.NoError(t, option.Key[int](one).EncodeValues("n", &v))
	assert.Equal(t, "n=0&n=1&s=x+y", v.Encode())
	require.ErrorIs(t, option.Some("").EncodeValues("n", &v), option.ErrEmptyText)
	require.ErrorIs(t, option.Null[int]().EncodeValues("n", &v), option.ErrNull)
	require.Error(t, option.Some([]int{1}).EncodeValues("n", &v))
	assert.Equal(t, "n=0&n=1&s=x+y", v.Encode(), "an error adds nothing")
}

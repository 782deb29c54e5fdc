package option_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/option"
)

type person struct {
	Name  string                                 `json:"name"`
	Age   option.Option[int]                     `json:"age,omitzero"`
	Email option.Option[string]                  `json:"email"`
	Boss  option.Option[*person]                 `json:"boss,omitzero"`
	Tags  option.Option[[]option.Option[string]] `json:"tags,omitzero"`
	Born  option.Option[time.Time]               `json:"born,omitzero"`
	Home  option.Option[address]                 `json:"home,omitzero"`
}

type address struct {
	City option.Option[string] `json:"city,omitzero"`
	Zip  option.Option[int]    `json:"zip,omitzero"`
}

func TestJSONRoundTrip(t *testing.T) {
	born := time.Date(1990, 5, 15, 12, 0, 0, 5, time.UTC)
	for name, c := range map[string]struct {
		value person
		text  string
	}{
		"None is left out or null": {person{Name: "A"}, `{"name":"A","email":null}`},
		"Some(0) with omitzero is kept": {
			person{Age: option.Some(0), Email: option.Some("")}, `{"name":"","age":0,"email":""}`,
		},
		"nested, pointers, lists": {
			person{
				Boss: option.Some(&person{Name: "B", Boss: option.Some(&person{Name: "C"})}),
				Tags: option.Some([]option.Option[string]{option.Some("x"), option.None[string]()}),
				Born: option.Some(born),
				Home: option.Some(address{Zip: option.Some(0)}),
			},
			`{"name":"","email":null,` +
				`"boss":{"name":"B","email":null,"boss":{"name":"C","email":null}},` +
				`"tags":["x",null],"born":"1990-05-15T12:00:00.000000005Z","home":{"zip":0}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(c.value)
			require.NoError(t, err)
			assert.Equal(t, c.text, string(text))
			var back person
			require.NoError(t, json.Unmarshal(text, &back))
			assert.Equal(t, c.value, back)
		})
	}
}

func TestJSONNullReplacesAValue(t *testing.T) {
	o := option.Some(1)
	require.NoError(t, json.Unmarshal([]byte(" null "), &o))
	assert.Equal(t, none, o)
	o = option.Some(1)
	require.NoError(t, o.UnmarshalJSON([]byte(" null\n")))
	assert.Equal(t, none, o)
}

func TestJSONOfAPointerToAnOption(t *testing.T) {
	type box struct{ A, B *option.Option[int] }
	text, err := json.Marshal(box{A: &one})
	require.NoError(t, err)
	assert.Equal(t, `{"A":1,"B":null}`, string(text))
	var back box
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, box{A: &one}, back)
}

func TestJSONMapKeys(t *testing.T) {
	numbers := map[option.Key[int]]string{option.Key[int](one): "one", option.Key[int](none): "none"}
	text, err := json.Marshal(numbers)
	require.NoError(t, err)
	assert.Equal(t, `{"":"none","1":"one"}`, string(text))
	var back map[option.Key[int]]string
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, numbers, back)
	require.Error(t, json.Unmarshal([]byte(`{"x":""}`), &back))

	names := map[option.Key[string]]int{{}: 1, option.Key[string](option.Some("null")): 2}
	text, err = json.Marshal(names)
	require.NoError(t, err)
	assert.Equal(t, `{"":1,"null":2}`, string(text))
	var namesBack map[option.Key[string]]int
	require.NoError(t, json.Unmarshal(text, &namesBack))
	assert.Equal(t, names, namesBack)

	_, err = json.Marshal(map[option.Key[string]]int{option.Key[string](option.Some("")): 1})
	require.ErrorContains(t, err, option.ErrEmptyText.Error(), "it would come back as None")
}

func TestJSONMapValues(t *testing.T) {
	m := map[string]option.Option[int]{"a": option.Some(0), "b": none}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	assert.Equal(t, `{"a":0,"b":null}`, string(text))
	var back map[string]option.Option[int]
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, m, back)
}

func TestBadJSONNamesTheFieldAndChangesNothing(t *testing.T) {
	before := person{
		Name: "A", Age: option.Some(1), Email: option.Some("a"),
		Home: option.Some(address{Zip: option.Some(2)}),
	}
	for text, want := range map[string]string{
		`{"age":"x"}`:          "json: cannot unmarshal string into Go struct field person.age of type int",
		`{"age":1.5}`:          "json: cannot unmarshal number 1.5 into Go struct field person.age of type int",
		`{"email":7}`:          "json: cannot unmarshal number into Go struct field person.email of type string",
		`{"home":{"zip":"x"}}`: "json: cannot unmarshal string into Go struct field person.home.zip of type int",
		`{"tags":[1]}`:         "json: cannot unmarshal number into Go struct field person.tags of type string",
		`{"age":}`:             "invalid character '}' looking for beginning of value",
		`{"age":1`:             "unexpected end of JSON input",
		`{"born":"yesterday"}`: `parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"`,
	} {
		t.Run(text, func(t *testing.T) {
			after := before
			require.EqualError(t, json.Unmarshal([]byte(text), &after), want)
			assert.Equal(t, before, after)
		})
	}
	o := option.Some(1)
	for _, text := range []string{"", "nul", `"x"`, "1 2", "{", "\xff"} {
		require.Error(t, o.UnmarshalJSON([]byte(text)), text)
		assert.Equal(t, option.Some(1), o)
	}
}

func TestJSONEscapesHTMLAsTheEncoderIsTold(t *testing.T) {
	for escape, want := range map[bool]string{true: `"\u003cb\u003e"`, false: `"<b>"`} {
		t.Run(strconv.FormatBool(escape), func(t *testing.T) {
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(escape)
			require.NoError(t, enc.Encode(option.Some("<b>")))
			assert.Equal(t, want+"\n", b.String())
		})
	}
}

func TestJSONOfWhatHasNoJSON(t *testing.T) {
	_, err := json.Marshal(option.Some(func() {}))
	require.ErrorAs(t, err, new(*json.UnsupportedTypeError))
	text, err := json.Marshal(option.None[func()]())
	require.NoError(t, err)
	assert.Equal(t, "null", string(text))
}

func FuzzUnmarshalJSON(f *testing.F) {
	for _, seed := range []string{`null`, `1`, `"x"`, `{"zip":0,"city":null}`, `{"zip":"x"}`, `[`, ` null `, `{"zip":1e99}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := option.Some(address{Zip: option.Some(7)})
		got := before
		err := json.Unmarshal(data, &got)

		var plain *address // what a pointer makes of it is the oracle
		plainErr := json.Unmarshal(data, &plain)
		require.Equal(t, plainErr == nil, err == nil, "%v against %v", err, plainErr)
		if err != nil {
			require.Equal(t, before, got)
			return
		}
		require.Equal(t, option.FromPtr(plain), got)

		text, err := json.Marshal(got)
		require.NoError(t, err)
		var back option.Option[address]
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, got, back)
	})
}

package option_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
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

// plainPerson is person without options: the oracle of errors, which differ
// between the two implementations of package json.
type plainPerson struct {
	Name  string       `json:"name"`
	Age   int          `json:"age"`
	Email string       `json:"email"`
	Boss  *plainPerson `json:"boss"`
	Tags  []string     `json:"tags"`
	Born  time.Time    `json:"born"`
	Home  struct {
		City string `json:"city"`
		Zip  int    `json:"zip"`
	} `json:"home"`
}

func TestBadJSONNamesTheFieldAndChangesNothing(t *testing.T) {
	before := person{
		Name: "A", Age: option.Some(1), Email: option.Some("a"),
		Home: option.Some(address{Zip: option.Some(2)}),
	}
	for _, text := range []string{
		`{"age":"x"}`, `{"age":1.5}`, `{"age":true}`, `{"age":1e99}`, `{"email":7}`, `{"email":[]}`, `{"home":{"zip":"x"}}`,
		`{"home":[]}`, `{"tags":[1]}`, `{"tags":{}}`, `{"age":}`, `{"age":1`, `{"born":"yesterday"}`,
		`{"boss":{"age":"x"}}`, `{"boss":{"home":{"zip":"x"}}}`,
	} {
		t.Run(text, func(t *testing.T) {
			var plain plainPerson
			want := strings.ReplaceAll(json.Unmarshal([]byte(text), &plain).Error(), "plainPerson", "person")
			want = namedAsInOption.Replace(want)
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

// namedAsInOption turns the names of plain types into those inside an Option.
var namedAsInOption = strings.NewReplacer(
	"field .", "field person.", "type []string", "type []option.Option[string]",
	`type struct { City string "json:\"city\""; Zip int "json:\"zip\"" }`, "type option_test.address",
)

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

// Package encodings_test takes Option, Nullable, Key and Result through the
// encoders that Go programs use, and holds docs/encodings.md to what it finds.
package encodings_test

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

// update is for `go test -update`, which writes the table.
var update = flag.Bool("update", false, "write the table into docs/encodings.md")

const page = "../../docs/encodings.md"

// The places where a value may stand.
var places = []string{"value", "pointer", "field", "list", "map value", "map key"}

type (
	field[V any]    struct{ V V }
	pointer[V any]  struct{ V *V }
	list[V any]     struct{ V []V }
	mapValue[V any] struct{ V map[string]V }

	point struct{ X, Y int }
)

// sample is a value of one of our types.
type sample struct {
	of    string          // our type
	state string          // such as Some(nil)
	t     string          // the type inside
	forms map[string]form // by place
}

// form is a sample in one place.
type form struct {
	value   any
	fresh   func() any       // a pointer to decode into
	matches func(p any) bool // whether what is behind it is the sample
}

func newSample[V any](of, state, t string, v V, equal func(a, b V) bool) sample {
	null := state == "None" || state == "Null"
	forms := map[string]form{
		"value": newForm(v, func(got V) bool { return equal(v, got) }),
		"pointer": newForm(pointer[V]{&v}, func(got pointer[V]) bool {
			return got.V == nil && null || got.V != nil && equal(v, *got.V)
		}),
		"field": newForm(field[V]{v}, func(got field[V]) bool { return equal(v, got.V) }),
		"list": newForm(list[V]{[]V{v, v}}, func(got list[V]) bool {
			return len(got.V) == 2 && equal(v, got.V[0]) && equal(v, got.V[1])
		}),
		"map value": newForm(mapValue[V]{map[string]V{"k": v}}, func(got mapValue[V]) bool {
			held, ok := got.V["k"]
			return len(got.V) == 1 && ok && equal(v, held)
		}),
	}
	if t := reflect.TypeFor[V](); t.Comparable() {
		fields := reflect.StructOf([]reflect.StructField{{Name: "V", Type: reflect.MapOf(t, reflect.TypeFor[int]())}})
		s := reflect.New(fields)
		s.Elem().Field(0).Set(reflect.MakeMap(fields.Field(0).Type))
		s.Elem().Field(0).SetMapIndex(reflect.ValueOf(v), reflect.ValueOf(7))
		forms["map key"] = form{s.Elem().Interface(), func() any { return reflect.New(fields).Interface() }, func(p any) bool {
			m := reflect.ValueOf(p).Elem().Field(0)
			keys := m.MapKeys()
			return len(keys) == 1 && equal(v, keys[0].Interface().(V)) && m.MapIndex(keys[0]).Int() == 7
		}}
	}
	return sample{of, state, t, forms}
}

func newForm[F any](value F, matches func(F) bool) form {
	return form{value, func() any { return new(F) }, func(p any) bool { return matches(*p.(*F)) }}
}

func equal[V any](a, b V) bool { return reflect.DeepEqual(a, b) }

// equalResult knows that of an error the text alone travels.
func equalResult[T any](a, b result.Result[T]) bool {
	if a.IsErr() && b.IsErr() {
		return a.Err().Error() == b.Err().Error()
	}
	return reflect.DeepEqual(a, b)
}

func samples() []sample {
	var all []sample
	add := func(s ...sample) { all = append(all, s...) }

	add(ofOption("int", 42, 0)...)
	add(ofOption("string", "text", "")...)
	add(ofOption("bool", true, false)...)
	add(ofOption("point", point{1, 2}, point{})...)
	add(ofOption("[]byte", []byte{0, 255}, nil)...)
	add(ofOption("[]int", []int{1, 0}, nil)...)
	add(ofOption("*int", new(42), nil)...)
	add(ofOption("time", time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC), time.Time{})...)
	add(ofOption("Option", option.Some(0), option.None[int]())...)
	add(ofKey(42, 0)...)
	add(ofKey("text", "")...)
	add(ofResult("int", 42, 0)...)
	add(ofResult("string", "text", "")...)
	add(ofResult("point", point{1, 2}, point{})...)
	add(ofResult("[]byte", []byte{0, 255}, nil)...)
	add(ofResult("*int", new(42), nil)...)
	add(ofResult("Option", option.Some(0), option.None[int]())...)
	add(ofResult("Result", result.Ok(5), result.Err[int](errors.New("inner")))...)
	return all
}

// word names a zero value.
func word[T any](zero T) string {
	switch any(zero).(type) {
	case []byte, []int, *int:
		return "nil"
	case option.Option[int]:
		return "None"
	case result.Result[int]:
		return "Err"
	}
	return "zero"
}

func ofOption[T any](t string, v, zero T) []sample {
	z := word(zero)
	return []sample{
		newSample("Option", "None", t, option.None[T](), equal),
		newSample("Option", "Some", t, option.Some(v), equal),
		newSample("Option", "Some("+z+")", t, option.Some(zero), equal),
		newSample("Nullable", "absent", t, option.Nullable[T]{}, equal),
		newSample("Nullable", "Null", t, option.Null[T](), equal),
		newSample("Nullable", "NotNull", t, option.NotNull(v), equal),
		newSample("Nullable", "NotNull("+z+")", t, option.NotNull(zero), equal),
	}
}

func ofKey[T comparable](v, zero T) []sample {
	t := fmt.Sprintf("%T", v)
	return []sample{
		newSample("Key", "None", t, option.Key[T]{}, equal),
		newSample("Key", "Some", t, option.Key[T](option.Some(v)), equal),
		newSample("Key", "Some(zero)", t, option.Key[T](option.Some(zero)), equal),
	}
}

func ofResult[T any](t string, v, zero T) []sample {
	return []sample{
		newSample("Result", "Ok", t, result.Ok(v), equalResult),
		newSample("Result", "Ok("+word(zero)+")", t, result.Ok(zero), equalResult),
		newSample("Result", "Err", t, result.Err[T](errors.New("bad")), equalResult),
		newSample("Result", "Err(empty)", t, result.Err[T](errors.New("")), equalResult),
	}
}

// outcome is what became of a form.
type outcome int

const (
	same    outcome = iota
	refused         // an error or a panic
	lost            // another value, without a word
)

func roundTrip(l library, f form) (out outcome, why string) {
	defer func() {
		if p := recover(); p != nil {
			out, why = refused, fmt.Sprint("panic: ", p)
		}
	}()
	data, err := l.encode(f.value)
	if err != nil {
		return refused, err.Error()
	}
	p := f.fresh()
	if err := l.decode(data, p); err != nil {
		return refused, err.Error()
	}
	if f.matches(p) {
		return same, ""
	}
	return lost, fmt.Sprintf("%v of %q", reflect.ValueOf(p).Elem(), data)
}

func TestTableOfEncodingsIsTrue(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	_, err = db.ExecContext(t.Context(), `CREATE TABLE held (id INTEGER PRIMARY KEY, v)`)
	require.NoError(t, err)

	var table strings.Builder
	fmt.Fprintf(&table, "| library | type | %s | comes back as another value |\n", strings.Join(places, " | "))
	fmt.Fprintf(&table, "| --- | --- |%s --- |\n", strings.Repeat(" --- |", len(places)))
	all := samples()
	for _, l := range libraries(db) {
		for _, of := range []string{"Option", "Nullable", "Key", "Result"} {
			var cells []string
			var losses losses
			for _, place := range places {
				count := map[outcome]int{}
				for _, s := range all {
					f, ok := s.forms[place]
					if s.of != of || !ok {
						continue
					}
					out, why := roundTrip(l, f)
					t.Logf("%s, %s of %s, %s: %d %s", l.name, s.state, s.t, place, out, why)
					count[out]++
					if out == lost {
						losses.add(place, s)
					}
				}
				cells = append(cells, cell(count))
			}
			fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", l.name, of, strings.Join(cells, " | "), &losses)
		}
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	const begin, end = "<!-- table -->\n", "<!-- end -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok, begin)
	written, after, ok := strings.Cut(rest, end)
	require.True(t, ok, end)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o600))
		return
	}
	require.Equal(t, written, table.String(), "go test ./encodings -update writes the table")
}

// losses are the states that were lost, and where.
type losses struct {
	states []string
	places map[string][]string
}

func (l *losses) add(place string, s sample) {
	if l.places == nil {
		l.places = map[string][]string{}
	}
	if !slices.Contains(l.states, s.state) {
		l.states = append(l.states, s.state)
	}
	if !slices.Contains(l.places[s.state], place) {
		l.places[s.state] = append(l.places[s.state], place)
	}
}

func (l *losses) String() string {
	var texts []string
	slices.Sort(l.states)
	for _, s := range l.states {
		texts = append(texts, s+": "+strings.Join(l.places[s], ", "))
	}
	return strings.Join(texts, "; ")
}

func cell(count map[outcome]int) string {
	switch {
	case count[lost] > 0:
		return "**loses**"
	case count[refused] == 0:
		return "all"
	case count[same] == 0:
		return "error"
	}
	return "some"
}

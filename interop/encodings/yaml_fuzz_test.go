package encodings_test

import (
	"fmt"
	"reflect"
	"testing"

	goccyyaml "github.com/goccy/go-yaml"
	"go.yaml.in/yaml/v3"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

// FuzzYAML reads any text as an Option, a Nullable and a Result. What T takes, an
// Option and a Nullable of T take with the same meaning. Whatever is taken comes back
// the same.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"", "null", "~", "7", "-1.5", "text", "'7'", "[1, 2]", "{n: 1, s: x}", "Ok: 7", "Err: bad", "{Ok: 7, Err: bad}", "Ok:", "Err: null",
		"&a 7", "*a", "!!str 7", "!!null x", "--- 1\n--- 2", "n: 1\nn: 2", "# nothing", "? 1\n: 2", "|\n  x\n", "0x10", "2000-01-01", "<<: {n: 1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, unmarshal := range map[string]func([]byte, any) error{
			"go.yaml.in/yaml/v3": yaml.Unmarshal,
			"goccy/go-yaml":      func(data []byte, p any) error { return goccyyaml.Unmarshal(data, p) },
		} {
			c := yamlCheck{t, name, unmarshal, yaml.Marshal}
			if name != "go.yaml.in/yaml/v3" {
				c.marshal = goccyyaml.Marshal
			}
			checkYAML[int](c, data)
			checkYAML[string](c, data)
			checkYAML[[]string](c, data)
			checkYAML[struct {
				N int
				S string
			}](c, data)
		}
	})
}

type yamlCheck struct {
	t         *testing.T
	library   string
	unmarshal func([]byte, any) error
	marshal   func(any) ([]byte, error)
}

// read decodes the text; a panic of the library itself is an error.
func (c yamlCheck) read(data []byte, p any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return c.unmarshal(data, p)
}

func checkYAML[T any](c yamlCheck, data []byte) {
	c.t.Helper()
	var node any
	var plain T
	var o option.Option[T]
	var n option.Nullable[T]
	errNode, err, errO, errN := c.read(data, &node), c.read(data, &plain), c.read(data, &o), c.read(data, &n)
	if errNode == nil && err == nil {
		if errO != nil || errN != nil {
			c.t.Fatalf("%s: %q is a %T, but not for Option (%v) or Nullable (%v)", c.library, data, plain, errO, errN)
		}
		v, ok := o.Get()
		w, okN := n.Get()
		same := !ok || reflect.DeepEqual(v, plain) && reflect.DeepEqual(w, plain)
		if ok != (node != nil) || okN != ok || !same {
			c.t.Fatalf("%s: %q is %#v and %#v, not %#v", c.library, data, o, n, plain)
		}
	}
	if errO == nil {
		again(c, data, o)
	}
	if _, ok := n.Get(); errN == nil && ok { // null is read as absent, or refused when it is written
		again(c, data, n)
	}
	var r result.Result[T]
	if c.read(data, &r) == nil {
		again(c, data, r)
	}
}

// again fails if a value that was read is another one when it is written and
// read again.
func again[V any](c yamlCheck, data []byte, v V) {
	c.t.Helper()
	text, err := c.marshal(v)
	if err != nil {
		c.t.Fatalf("%s: %q is %v, which cannot be written: %v", c.library, data, v, err)
	}
	var back V
	if err := c.read(text, &back); err != nil {
		c.t.Fatalf("%s: %q is %v, written as %q, which cannot be read: %v", c.library, data, v, text, err)
	}
	if same, err := c.marshal(back); err != nil || string(same) != string(text) {
		c.t.Fatalf("%s: %q is %#v, written as %q, which is %#v, written as %q (%v)", c.library, data, v, text, back, same, err)
	}
}

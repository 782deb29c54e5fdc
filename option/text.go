package option

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// ErrEmptyText says that a value cannot be written as text because its text is
// empty, which would be read back as None.
var ErrEmptyText = errors.New("option: the text of a value is empty, as None's is")

// AppendText appends the text of the value, and nothing for None. It uses T's
// own AppendText or MarshalText; strings, booleans and numbers have the text
// that [strconv] gives them.
//
// It is an error if the value has no text, or an empty one: [ErrEmptyText].
func (o Option[T]) AppendText(b []byte) ([]byte, error) {
	if !o.some {
		return b, nil
	}
	start := len(b)
	b, err := appendText(b, &o.value)
	if err == nil && len(b) == start {
		err = ErrEmptyText
	}
	return b, err
}

// MarshalText is AppendText to a new slice. For the keys of a JSON object use
// [Key].
func (o Option[T]) MarshalText() ([]byte, error) {
	return o.AppendText([]byte{})
}

// UnmarshalText decodes an empty text to None and all else to Some, as
// AppendText wrote it. On an error o is unchanged.
func (o *Option[T]) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*o = Option[T]{}
		return nil
	}
	var v T
	if err := parseText(text, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}

func appendText[T any](b []byte, p *T) ([]byte, error) {
	for _, v := range [...]any{p, *p} { // a T that is a pointer has methods of its own
		switch v := v.(type) {
		case encoding.TextAppender:
			return v.AppendText(b)
		case encoding.TextMarshaler:
			text, err := v.MarshalText()
			return append(b, text...), err
		}
	}
	v := reflect.ValueOf(p).Elem()
	switch {
	case v.Kind() == reflect.String:
		return append(b, v.String()...), nil
	case v.Kind() == reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case v.CanInt():
		return strconv.AppendInt(b, v.Int(), 10), nil
	case v.CanUint():
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case v.CanFloat():
		return strconv.AppendFloat(b, v.Float(), 'g', -1, v.Type().Bits()), nil
	}
	return b, fmt.Errorf("option: %s has no text", v.Type())
}

func parseText[T any](text []byte, p *T) error {
	v := reflect.ValueOf(p).Elem()
	if u, ok := any(p).(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText(text)
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		if u, ok := any(*p).(encoding.TextUnmarshaler); ok {
			return u.UnmarshalText(text)
		}
	}
	var err error
	switch {
	case v.Kind() == reflect.String:
		v.SetString(string(text))
	case v.Kind() == reflect.Bool:
		var x bool
		x, err = strconv.ParseBool(string(text))
		v.SetBool(x)
	case v.CanInt():
		var x int64
		x, err = strconv.ParseInt(string(text), 10, v.Type().Bits())
		v.SetInt(x)
	case v.CanUint():
		var x uint64
		x, err = strconv.ParseUint(string(text), 10, v.Type().Bits())
		v.SetUint(x)
	case v.CanFloat():
		var x float64
		x, err = strconv.ParseFloat(string(text), v.Type().Bits())
		v.SetFloat(x)
	default:
		err = fmt.Errorf("option: %s has no text", v.Type())
	}
	return err
}

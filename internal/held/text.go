package held

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// AppendText appends the text of *p: what its AppendText or MarshalText gives
// or, for a string, a boolean, a number or an empty struct, what package
// strconv gives. A duration is written as "1m0s". The errors of its own begin
// with pkg.
func AppendText[T any](pkg string, b []byte, p *T) ([]byte, error) {
	found, isNil := find(p, func(v any) bool { return is[encoding.TextAppender](v) || is[encoding.TextMarshaler](v) })
	switch m := found.(type) {
	case encoding.TextAppender:
		return m.AppendText(b)
	case encoding.TextMarshaler:
		text, err := m.MarshalText()
		return append(b, text...), err
	}
	if d, ok := any(p).(*time.Duration); ok {
		return append(b, d.String()...), nil
	}
	v := reflect.ValueOf(p).Elem()
	switch {
	case isNil:
		return b, fmt.Errorf("%s: a nil %s has no text", pkg, v.Type())
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
	case v.CanComplex():
		return append(b, strconv.FormatComplex(v.Complex(), 'g', -1, v.Type().Bits())...), nil
	case isUnit(v):
		return b, nil
	}
	return b, noText(pkg, v)
}

// ParseText sets *p, which is the zero T, to what AppendText wrote. On an error
// *p may have changed.
func ParseText[T any](pkg string, text []byte, p *T) error {
	if u, ok := target(p, is[encoding.TextUnmarshaler]).(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText(text)
	}
	var err error
	if d, ok := any(p).(*time.Duration); ok {
		*d, err = time.ParseDuration(string(text))
		return err
	}
	v := reflect.ValueOf(p).Elem()
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
	case v.CanComplex():
		var x complex128
		x, err = strconv.ParseComplex(string(text), v.Type().Bits())
		v.SetComplex(x)
	case isUnit(v):
		if len(text) != 0 {
			err = fmt.Errorf("%s: %q is no text of a %s", pkg, text, v.Type())
		}
	default:
		err = noText(pkg, v)
	}
	return err
}

func noText(pkg string, v reflect.Value) error {
	return fmt.Errorf("%s: %s has no text", pkg, v.Type())
}

// isUnit says whether v is of an empty struct type, of which there is only one
// value.
func isUnit(v reflect.Value) bool {
	return v.Kind() == reflect.Struct && v.NumField() == 0
}

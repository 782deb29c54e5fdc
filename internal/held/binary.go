package held

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"math"
	"reflect"
)

// The binary form is a tag and a body. The tag says who wrote the body, so that
// a reader with another T, or a T that can write but not read, is told so.
const (
	tagNil     = 'n' // nothing follows
	tagUnit    = 'e' // nothing follows
	tagBool    = 'b' // 0 or 1
	tagInt     = 'i' // varint
	tagUint    = 'u' // uvarint
	tagFloat   = 'f' // IEEE 754 of a float64, big endian
	tagComplex = 'c' // two of these

	// The body of these is a uvarint, its length, and so many bytes.
	tagString = 's'
	tagBytes  = 'x'
	tagBinary = 'm' // of T's MarshalBinary
	tagGob    = 'g' // of T's GobEncode
	tagStream = 'v' // a gob stream
)

// AppendBinary appends the binary form of *p: that of its AppendBinary,
// MarshalBinary or GobEncode, else its own of a basic type, else a gob stream.
// With gobFirst, GobEncode goes before the other two. The errors of its own
// begin with pkg.
func AppendBinary[T any](pkg string, b []byte, p *T, gobFirst bool) ([]byte, error) {
	v := reflect.ValueOf(p).Elem()
	if k := v.Kind(); (k == reflect.Pointer || k == reflect.Interface) && v.IsNil() {
		return append(b, tagNil), nil
	}
	if v.Kind() != reflect.Interface { // gob names the type of what an interface holds
		tag, body, err := marshal(pkg, p, gobFirst)
		if err != nil {
			return b, err
		}
		if tag != 0 {
			return AppendBody(append(b, tag), body), nil
		}
	}
	switch {
	case nilable(v.Kind()) && v.IsNil():
		return append(b, tagNil), nil
	case isUnit(v):
		return append(b, tagUnit), nil
	case v.Kind() == reflect.Bool:
		if v.Bool() {
			return append(b, tagBool, 1), nil
		}
		return append(b, tagBool, 0), nil
	case v.CanInt():
		return binary.AppendVarint(append(b, tagInt), v.Int()), nil
	case v.CanUint():
		return binary.AppendUvarint(append(b, tagUint), v.Uint()), nil
	case v.CanFloat():
		return appendFloat(append(b, tagFloat), v.Float()), nil
	case v.CanComplex():
		c := v.Complex()
		return appendFloat(appendFloat(append(b, tagComplex), real(c)), imag(c)), nil
	case v.Kind() == reflect.String:
		return AppendBody(append(b, tagString), v.String()), nil
	case isBytes(v):
		return AppendBody(append(b, tagBytes), v.Bytes()), nil
	}
	var stream bytes.Buffer
	if err := gob.NewEncoder(&stream).Encode(p); err != nil {
		return b, err
	}
	return AppendBody(append(b, tagStream), stream.Bytes()), nil
}

// marshal returns what T's own methods make of *p. The tag is 0 if it has none.
func marshal(pkg string, p any, gobFirst bool) (tag byte, body []byte, err error) {
	found, isNil := find(p, func(v any) bool {
		return is[encoding.BinaryAppender](v) || is[encoding.BinaryMarshaler](v) || is[gob.GobEncoder](v)
	})
	if isNil {
		return 0, nil, fmt.Errorf("%s: a nil behind the pointer in a %s has no binary form", pkg, reflect.TypeOf(p).Elem())
	}
	g, isGob := found.(gob.GobEncoder)
	if isGob && gobFirst {
		body, err = g.GobEncode()
		return tagGob, body, err
	}
	switch m := found.(type) {
	case encoding.BinaryAppender:
		body, err = m.AppendBinary(nil)
		return tagBinary, body, err
	case encoding.BinaryMarshaler:
		body, err = m.MarshalBinary()
		return tagBinary, body, err
	}
	if isGob {
		body, err = g.GobEncode()
		return tagGob, body, err
	}
	return 0, nil, nil
}

// ParseBinary sets *p, which is the zero T, to what AppendBinary wrote. What
// AppendBinary cannot have written, for this T, is the error damaged. On an
// error *p may have changed.
func ParseBinary[T any](data []byte, p *T, damaged error) error {
	v := reflect.ValueOf(p).Elem()
	if len(data) == 0 {
		return fmt.Errorf("%w: no data", damaged)
	}
	tag, data := data[0], data[1:]
	ok := false
	switch tag {
	case tagNil:
		ok = nilable(v.Kind()) && len(data) == 0
	case tagUnit:
		ok = isUnit(v) && len(data) == 0
	case tagBool:
		if ok = v.Kind() == reflect.Bool && len(data) == 1 && data[0] <= 1; ok {
			v.SetBool(data[0] == 1)
		}
	case tagInt:
		x, n := binary.Varint(data)
		if ok = n > 0 && n == len(data) && v.CanInt() && !v.OverflowInt(x); ok {
			v.SetInt(x)
		}
	case tagUint:
		x, n := binary.Uvarint(data)
		if ok = n > 0 && n == len(data) && v.CanUint() && !v.OverflowUint(x); ok {
			v.SetUint(x)
		}
	case tagFloat:
		if ok = v.CanFloat() && len(data) == 8 && fits(float(data), v.Type().Bits()); ok {
			v.SetFloat(float(data))
		}
	case tagComplex:
		if ok = v.CanComplex() && len(data) == 16; !ok {
			break
		}
		re, im, bits := float(data), float(data[8:]), v.Type().Bits()/2
		if ok = fits(re, bits) && fits(im, bits); ok {
			v.SetComplex(complex(re, im))
		}
	case tagString, tagBytes, tagBinary, tagGob, tagStream:
		body, whole := Body(data)
		if !whole {
			return fmt.Errorf("%w: cut short, or followed by something", damaged)
		}
		return parseBody(tag, body, p, damaged)
	}
	if !ok {
		return unreadable(tag, v, damaged)
	}
	return nil
}

func parseBody[T any](tag byte, body []byte, p *T, damaged error) error {
	v := reflect.ValueOf(p).Elem()
	switch tag {
	case tagString:
		if v.Kind() == reflect.String {
			v.SetString(string(body))
			return nil
		}
	case tagBytes:
		if isBytes(v) {
			v.SetBytes(append([]byte{}, body...))
			return nil
		}
	case tagBinary:
		if u, ok := target(p, is[encoding.BinaryUnmarshaler]).(encoding.BinaryUnmarshaler); ok {
			return u.UnmarshalBinary(body)
		}
	case tagGob:
		if u, ok := target(p, is[gob.GobDecoder]).(gob.GobDecoder); ok {
			return u.GobDecode(body)
		}
	case tagStream:
		r := bytes.NewReader(body)
		if err := gob.NewDecoder(r).Decode(p); err != nil {
			return fmt.Errorf("%w: %w", damaged, err)
		}
		if r.Len() == 0 {
			if v.Kind() == reflect.Slice && v.IsNil() {
				v.Set(reflect.MakeSlice(v.Type(), 0, 0)) // gob makes none for no elements; a nil has its own tag
			}
			return nil
		}
	}
	return unreadable(tag, v, damaged)
}

func unreadable(tag byte, v reflect.Value, damaged error) error {
	return fmt.Errorf("%w: tag %q is no %s", damaged, tag, v.Type())
}

// AppendBody appends the length of body and body.
func AppendBody[B []byte | string](b []byte, body B) []byte {
	return append(binary.AppendUvarint(b, uint64(len(body))), body...)
}

// Body returns what AppendBody wrote, and whether data is that and nothing
// else.
func Body(data []byte) (body []byte, whole bool) {
	length, n := binary.Uvarint(data)
	if n <= 0 || length != uint64(len(data)-n) {
		return nil, false
	}
	return data[n:], true
}

func appendFloat(b []byte, x float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(x))
}

func float(data []byte) float64 {
	return math.Float64frombits(binary.BigEndian.Uint64(data))
}

// fits says whether a float of so many bits can hold x.
func fits(x float64, bits int) bool {
	return bits == 64 || float64(float32(x)) == x || math.IsNaN(x)
}

func isBytes(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8
}

func nilable(k reflect.Kind) bool {
	return k == reflect.Pointer || k == reflect.Interface || k == reflect.Map || k == reflect.Slice ||
		k == reflect.Func || k == reflect.Chan
}

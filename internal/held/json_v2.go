//go:build goexperiment.jsonv2

package held

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
)

// UnmarshalDecode decodes the next value of dec with dec's options. An error
// says where in the whole text the value is.
//
// For a caller with the errors of encoding/json it is the error that dec's
// caller turns into a [json.UnmarshalTypeError] with the name of the outermost
// struct. Only the error of a method is returned as it is.
func UnmarshalDecode(dec *Decoder, p any) error {
	err := unmarshalDecode(dec, p)
	var e *semanticError
	if reportsLegacyErrors(dec) && errors.As(err, &e) && e.Err != nil && ofMethod(e) {
		return e.Err
	}
	return err
}

// ofMethod says whether a method of T, not the package, found the error.
func ofMethod(e *semanticError) bool {
	if e.GoType == nil {
		return false
	}
	p := reflect.PointerTo(e.GoType)
	return p.Implements(reflect.TypeFor[unmarshalerFrom]()) || p.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		e.JSONKind == '"' && p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

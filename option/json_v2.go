//go:build goexperiment.jsonv2

package option

import "github.com/coderrange/ferrous/internal/held"

// MarshalJSONTo is MarshalJSON with the options of enc.
func (o Option[T]) MarshalJSONTo(enc *held.Encoder) error {
	if !o.some {
		return held.MarshalEncode(enc, nil)
	}
	return held.MarshalEncode(enc, held.Pointer(&o.value))
}

// UnmarshalJSONFrom is UnmarshalJSON with the options of dec. The position in an error
// is that in the whole input.
func (o *Option[T]) UnmarshalJSONFrom(dec *held.Decoder) error {
	if dec.PeekKind() == 'n' {
		*o = Option[T]{}
		return dec.SkipValue()
	}
	var v T
	if err := held.UnmarshalDecode(dec, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}

// MarshalJSONTo is MarshalJSON with the options of enc.
func (n Nullable[T]) MarshalJSONTo(enc *held.Encoder) error {
	if !n.state.some {
		return ErrAbsent
	}
	return n.state.value.MarshalJSONTo(enc)
}

// UnmarshalJSONFrom is UnmarshalJSON with the options of dec. The position in an error
// is that in the whole input.
func (n *Nullable[T]) UnmarshalJSONFrom(dec *held.Decoder) error {
	var o Option[T]
	if err := o.UnmarshalJSONFrom(dec); err != nil {
		return err
	}
	n.state = Some(o)
	return nil
}

package option

import (
	"bytes"
	"encoding/gob"
)

// GobEncode encodes None as nothing and Some as a gob stream of its own, which
// repeats the description of a T that is a struct: for long lists of small
// options another encoding is shorter.
func (o Option[T]) GobEncode() ([]byte, error) {
	var b bytes.Buffer
	if !o.some {
		return b.Bytes(), nil
	}
	err := gob.NewEncoder(&b).Encode(&o.value)
	return b.Bytes(), err
}

// GobDecode decodes what GobEncode wrote. On an error o is unchanged.
func (o *Option[T]) GobDecode(data []byte) error {
	if len(data) == 0 {
		*o = Option[T]{}
		return nil
	}
	var v T
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}

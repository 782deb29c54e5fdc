package option

// GobEncode is MarshalBinary, with one exception: if T has both GobEncode and
// MarshalBinary, T's GobEncode encodes the value.
func (o Option[T]) GobEncode() ([]byte, error) {
	return o.appendBinary(nil, true)
}

// GobDecode decodes what GobEncode or AppendBinary wrote. On an error o is unchanged.
func (o *Option[T]) GobDecode(data []byte) error {
	return o.UnmarshalBinary(data)
}

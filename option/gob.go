package option

// GobEncode is MarshalBinary, except that a T that has GobEncode and
// MarshalBinary is written by its GobEncode.
func (o Option[T]) GobEncode() ([]byte, error) {
	return o.appendBinary(nil, true)
}

// GobDecode decodes what GobEncode or AppendBinary wrote. On an error o is
// unchanged.
func (o *Option[T]) GobDecode(data []byte) error {
	return o.UnmarshalBinary(data)
}

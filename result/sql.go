package result

import (
	"database/sql/driver"
	"fmt"
)

// Scan reads a column that holds the JSON of a Result, as text or bytes.
// Anything else, also NULL, is [ErrShape], or T's own error. On an error r is
// unchanged.
func (r *Result[T]) Scan(src any) error {
	switch src := src.(type) {
	case string:
		return r.UnmarshalJSON([]byte(src))
	case []byte:
		return r.UnmarshalJSON(src)
	}
	return fmt.Errorf("%w: a column of type %T", ErrShape, src)
}

// Value makes r an argument of a query: its JSON, as a string.
func (r Result[T]) Value() (driver.Value, error) {
	data, err := r.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return string(data), nil
}

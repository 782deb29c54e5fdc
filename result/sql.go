package result

import (
	"database/sql/driver"
	"fmt"
)

// Scan reads a column that holds the JSON of a Result, as text or bytes. If it fails,
// the error is [ErrShape], also for NULL, or T's own, and r is unchanged.
func (r *Result[T]) Scan(src any) error {
	switch src := src.(type) {
	case string:
		return r.UnmarshalJSON([]byte(src))
	case []byte:
		return r.UnmarshalJSON(src)
	}
	return fmt.Errorf("%w: a column of type %T", ErrShape, src)
}

// Value returns r as an SQL argument: the JSON of r as a string.
func (r Result[T]) Value() (driver.Value, error) {
	data, err := r.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return string(data), nil
}

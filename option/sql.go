package option

import (
	"database/sql"
	"database/sql/driver"

	"github.com/coderrange/ferrous/internal/held"
)

// Scan reads a column. NULL is None. Other values are converted as [sql.Null] does. On
// an error o is unchanged.
func (o *Option[T]) Scan(src any) error {
	var n sql.Null[T]
	if err := n.Scan(src); err != nil {
		return err
	}
	*o = From(n.V, n.Valid)
	return nil
}

// Value returns o as an SQL argument. None is NULL. A value that is itself NULL, such
// as Some of a nil pointer, is read back as None.
func (o Option[T]) Value() (driver.Value, error) {
	if !o.some || held.IsNil(&o.value) {
		return nil, nil
	}
	return driver.DefaultParameterConverter.ConvertValue(held.Pointer(&o.value))
}

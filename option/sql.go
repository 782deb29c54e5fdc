package option

import (
	"database/sql"
	"database/sql/driver"
)

// Scan reads a column: NULL is None. It converts as [sql.Null] does. On an
// error o is unchanged.
func (o *Option[T]) Scan(src any) error {
	var n sql.Null[T]
	if err := n.Scan(src); err != nil {
		return err
	}
	*o = From(n.V, n.Valid)
	return nil
}

// Value makes o an argument of a query: None is NULL.
func (o Option[T]) Value() (driver.Value, error) {
	return sql.Null[T]{V: o.value, Valid: o.some}.Value()
}

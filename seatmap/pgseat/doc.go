// Package pgseat is the beginning of a [seatmap.Store] on PostgreSQL. The store itself is
// not here yet: the package has the tables, their migrations, and what a failed
// transaction means for the caller.
package pgseat

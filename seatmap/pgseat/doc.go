// Package pgseat is a [seatmap.Store] on PostgreSQL, for bookings of record.
package pgseat

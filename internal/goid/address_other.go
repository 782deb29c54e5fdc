//go:build !gc

package goid

func address() uintptr { return uintptr(parse()) }

//go:build !gc || !(386 || amd64 || arm || arm64)

package goid

func address() uintptr { return uintptr(parse()) }

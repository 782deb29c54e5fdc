//go:build !linux

package run

func limitMemory() {}

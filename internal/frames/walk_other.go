//go:build !gc || !(amd64 || arm64)

package frames

const walks = false

func walk(int, []uintptr) int { return 0 }

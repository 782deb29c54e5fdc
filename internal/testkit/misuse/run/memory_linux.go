package run

import "syscall"

// limitMemory makes a case that takes memory without end end the process alone.
func limitMemory() {
	l := syscall.Rlimit{Cur: 3 << 30, Max: 3 << 30}
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &l)
}

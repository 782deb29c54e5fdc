package testkit

import "syscall"

// endsWithParent lets a process end with the thread that starts it. Threads of Go last as
// long as their process, except those on which a goroutine ends that has locked them.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

//go:build !linux

package testkit

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }

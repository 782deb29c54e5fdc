package main

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// confine makes a program end when this one is killed, and get no signals from the terminal.
func confine(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// demote makes a program that refuses root run as another user, and gives that user files.
func demote(c *exec.Cmd, paths ...string) error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 31)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 31)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := os.Chown(path, int(uid), int(gid)); err != nil {
			return err
		}
	}
	c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

package stream

import (
	"context"
	"io"
	"os"
	"syscall"
)

// openPipe opens a pipe with a name without waiting for a writer. Its first Read
// waits instead, as long as its deadline allows.
func openPipe(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return &namedPipe{File: f}, nil
}

// A namedPipe is open, perhaps before it has a writer. A Read would tell an end then.
type namedPipe struct {
	*os.File
	begun bool // there is or was a writer
}

func (p *namedPipe) Read(b []byte) (int, error) {
	if !p.begun {
		if err := p.await(); err != nil {
			return 0, err
		}
		p.begun = true
	}
	return p.File.Read(b)
}

// await waits until the pipe has data, or has had a writer.
func (p *namedPipe) await() error {
	conn, err := p.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = conn.Read(func(fd uintptr) (ready bool) { // called again after each event
		ready, failure = hasEvent(int(fd))
		return ready || failure != nil
	})
	if err != nil {
		return err
	}
	return failure
}

// hasEvent reports whether a Read of fd would return what a writer did. Linux tells
// a pipe that no writer has opened since it was open from one that all have closed.
func hasEvent(fd int) (bool, error) {
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false, os.NewSyscallError("epoll_create1", err)
	}
	defer func() { _ = syscall.Close(poll) }()
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
		return false, os.NewSyscallError("epoll_ctl", err)
	}
	for {
		n, err := syscall.EpollWait(poll, []syscall.EpollEvent{event}, 0)
		if err != syscall.EINTR {
			return n > 0, os.NewSyscallError("epoll_wait", err)
		}
	}
}

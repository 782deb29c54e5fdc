package arcmutex

import (
	"context"
	"sync/atomic"
)

var checking atomic.Bool

type label struct{ name string }

func (l *lock) rename(name string) { l.label.Store(&label{name}) }

var checker check

type check struct{}

func (*check) holds(*lock, mode, uint64)  {}
func (*check) leaves(*lock, mode, uint64) {}

func (l *lock) waitChecked(ctx context.Context, m mode, method string) error {
	return l.waitUnchecked(ctx, m, method)
}

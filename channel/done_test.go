package channel_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

// sending is what the senders of all kinds of channels have in common.
type sending struct {
	send     func() error
	isClosed func() bool
	closed   func() <-chan struct{}
	end      func()
	clone    func() sending      // nil for a oneshot
	free     func() int          // nil if there are no slots
	made     map[string]receives // what this handle makes
}

type receives func() (isClosed bool, err error)

// sendersOf opens a channel of each kind, and returns its sender, how its receiver
// ends, and how a new receiver comes, if one can.
func sendersOf() map[string]func() (s sending, end, again func()) {
	all := map[string]func() (s sending, end, again func()){}
	for name, open := range opens[int](4) {
		for how, end := range map[string]func(*channel.Receiver[int]){
			"Close": (*channel.Receiver[int]).Close, "Shutdown": (*channel.Receiver[int]).Shutdown,
		} {
			all[name+" "+how] = func() (sending, func(), func()) {
				tx, rx := open()
				return senderOf(tx), func() { end(rx) }, nil
			}
		}
	}
	all["oneshot"] = func() (sending, func(), func()) {
		tx, rx := channel.NewOneshot[int]()
		return sending{
			send: func() error { return tx.Send(1) }, isClosed: tx.IsClosed, closed: tx.Done, end: tx.Close,
		}, rx.Close, nil
	}
	all["broadcast"] = func() (sending, func(), func()) {
		tx, rx := channel.NewBroadcast[int](4)
		return broadcastOf(tx), rx.Close, func() { tx.Subscribe() }
	}
	all["watch"] = func() (sending, func(), func()) {
		tx, rx := channel.NewWatch(0)
		return watchOf(tx), rx.Close, func() { tx.Subscribe() }
	}
	return all
}

func senderOf(tx *channel.Sender[int]) sending {
	return sending{
		send: func() error { return tx.TrySend(1) }, isClosed: tx.IsClosed, closed: tx.Done, end: tx.Close,
		clone: func() sending { return senderOf(tx.Clone()) },
		free:  tx.Free,
		made: map[string]receives{"Downgrade": func() (bool, error) {
			s, ok := tx.Downgrade().Upgrade()
			if !ok {
				return true, channel.ErrClosed
			}
			defer s.Close()
			return s.IsClosed(), channel.ErrEmpty
		}},
	}
}

func broadcastOf(tx *channel.BroadcastSender[int]) sending {
	return sending{
		send: func() error { _, err := tx.Send(1); return err }, isClosed: tx.IsClosed, closed: tx.Done, end: tx.Close,
		clone: func() sending { return broadcastOf(tx.Clone()) },
		made: map[string]receives{"Subscribe": func() (bool, error) {
			rx := tx.Subscribe()
			defer rx.Close()
			_, err := rx.TryRecv()
			return rx.IsClosed(), err
		}},
	}
}

func watchOf(tx *channel.WatchSender[int]) sending {
	return sending{
		send: func() error { return tx.Send(1) }, isClosed: tx.IsClosed, closed: tx.Done, end: tx.Close,
		clone: func() sending { return watchOf(tx.Clone()) },
		made: map[string]receives{"Subscribe": func() (bool, error) {
			rx := tx.Subscribe()
			defer rx.Close()
			return rx.IsClosed(), rx.TryChanged()
		}},
	}
}

// isEnded looks at all that a sender says of its end.
func (s sending) isEnded(t *testing.T, want bool) {
	t.Helper()
	assert.Equal(t, want, s.isClosed(), "IsClosed")
	assert.Equal(t, want, isClosed(s.closed()), "Done")
	if want && s.free != nil {
		assert.Zero(t, s.free(), "Free")
	}
}

// A closed handle says that it is closed, whichever kind of channel it is of and
// whatever the other handles are, and what it makes is closed.
func TestClosedSendersSayTheSame(t *testing.T) {
	for name, open := range sendersOf() {
		t.Run(name, func(t *testing.T) {
			s, _, _ := open()
			s.isEnded(t, false)
			waits := s.closed()
			var other sending
			if s.clone != nil {
				other = s.clone()
			}
			for what, make := range s.made {
				closed, err := make()
				assert.False(t, closed, what)
				require.ErrorIs(t, err, channel.ErrEmpty, what)
			}
			assert.False(t, isClosed(waits))
			s.end()
			s.end()
			assert.True(t, isClosed(waits), "who waited is told")
			s.isEnded(t, true)
			require.ErrorIs(t, s.send(), channel.ErrClosed)
			for what, make := range s.made {
				closed, err := make()
				assert.True(t, closed, what)
				require.ErrorIs(t, err, channel.ErrClosed, what)
			}
			if s.clone != nil {
				s.clone().isEnded(t, true)
				other.isEnded(t, false)
				require.NoError(t, other.send())
			}
		})
	}
}

// The end of the receivers is told to all senders, and a new receiver takes it back.
func TestSendersAreToldOfTheEndOfTheReceivers(t *testing.T) {
	for name, open := range sendersOf() {
		t.Run(name, func(t *testing.T) {
			s, end, again := open()
			all := []sending{s}
			if s.clone != nil {
				all = append(all, s.clone())
			}
			for _, s := range all {
				s.isEnded(t, false)
				defer func(waits <-chan struct{}) { assert.True(t, isClosed(waits)) }(s.closed())
			}
			end()
			for _, s := range all {
				s.isEnded(t, true)
			}
			if again == nil {
				require.ErrorIs(t, s.send(), channel.ErrClosed)
				return
			}
			told := s.closed()
			again()
			assert.True(t, isClosed(told), "it was true")
			for _, s := range all {
				s.isEnded(t, false)
				require.NoError(t, s.send())
			}
		})
	}
}

// An end that was taken back is not told to who asks after it.
func TestClosedTellsNoEndThatWasTakenBack(t *testing.T) {
	stressKinds := map[string]func() (end, again func(), closed func() <-chan struct{}){
		"broadcast": func() (func(), func(), func() <-chan struct{}) {
			tx, rx := channel.NewBroadcast[int](1)
			return rx.Close, func() { tx.Subscribe() }, tx.Done
		},
		"watch": func() (func(), func(), func() <-chan struct{}) {
			tx, rx := channel.NewWatch(0)
			return rx.Close, func() { tx.Subscribe() }, tx.Done
		},
	}
	for name, open := range stressKinds {
		t.Run(name, func(t *testing.T) {
			for range 2000 {
				end, again, closed := open()
				done := make(chan struct{})
				go func() {
					end()
					close(done)
				}()
				closed() // which may find the end
				again()
				waits := closed()
				<-done
				require.False(t, isClosed(waits), "there is a receiver")
			}
		})
	}
}

// Receivers say the same, too.
func TestClosedReceiversSayTheSame(t *testing.T) {
	type receiver interface {
		Close()
		IsClosed() bool
		Ready() <-chan struct{}
	}
	kinds := map[string]func() (rx, clone receiver, recv func() error){
		"oneshot": func() (receiver, receiver, func() error) {
			_, rx := channel.NewOneshot[int]()
			return rx, nil, func() error { _, err := rx.TryRecv(); return err }
		},
		"broadcast": func() (receiver, receiver, func() error) {
			_, rx := channel.NewBroadcast[int](1)
			return rx, rx.Clone(), func() error { _, err := rx.TryRecv(); return err }
		},
		"watch": func() (receiver, receiver, func() error) {
			_, rx := channel.NewWatch(0)
			return rx, rx.Clone(), rx.TryChanged
		},
	}
	for name, open := range opens[int](4) {
		kinds[name] = func() (receiver, receiver, func() error) {
			_, rx := open()
			return rx, rx.Clone(), func() error { _, err := rx.TryRecv(); return err }
		}
	}
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rx, clone, recv := open()
				assert.False(t, rx.IsClosed())
				require.ErrorIs(t, recv(), channel.ErrEmpty)
				ready := rx.Ready()
				assert.False(t, isClosed(ready))
				rx.Close()
				assert.True(t, rx.IsClosed())
				require.ErrorIs(t, recv(), channel.ErrClosed)
				assert.True(t, isClosed(ready), "who waited is told")
				assert.True(t, isClosed(rx.Ready()))
				if clone != nil {
					assert.False(t, clone.IsClosed())
					assert.False(t, isClosed(clone.Ready()))
				}
			})
		})
	}
}

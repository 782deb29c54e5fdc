package channel

// doneChans holds the channels that Done has returned to the senders of one channel.
// A lock of the owner guards it.
type doneChans struct{ chans map[*doneKey]chan struct{} }

// doneKey stands for a sender, by its address.
type doneKey struct{ _ byte }

// of returns a channel that is closed by the next close of k or of all.
func (d *doneChans) of(k *doneKey) <-chan struct{} {
	c := d.chans[k]
	if c == nil {
		if d.chans == nil {
			d.chans = map[*doneKey]chan struct{}{}
		}
		c = make(chan struct{})
		d.chans[k] = c
	}
	return c
}

// close closes the channel of one sender.
func (d *doneChans) close(k *doneKey) {
	if c := d.chans[k]; c != nil {
		close(c)
		delete(d.chans, k)
	}
}

// closeAll closes the channels of all senders.
func (d *doneChans) closeAll() {
	for k := range d.chans {
		d.close(k)
	}
}

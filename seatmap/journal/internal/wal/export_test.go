package wal

// Prepare waits until the segment that is next is ready, so that nothing happens in the
// background.
func (l *Log) Prepare() {
	if done := l.startPreparing(0); done != nil {
		<-done
	}
}

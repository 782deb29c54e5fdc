// Package reader reads a journal without writing to it.
package reader

import (
	"errors"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/durable"
	"github.com/coderrange/ferrous/seatmap/journal/internal/wal"
)

// Content is what is in a journal.
type Content struct {
	Map     *seatmap.Map // to be closed
	Events  []string     // in order
	Records int          // behind the checkpoint
}

// Read reads the journal in a directory. It calls part, unless that is nil, with each part
// of the files, and does so for those before the first damage, too. The error is as for
// [wal.Open].
func Read(dir string, part func(wal.Part)) (c Content, err error) {
	fs, err := wal.OpenDir(dir)
	if err != nil {
		return Content{}, err
	}
	c.Map = seatmap.NewMap(seatmap.MapOptions{})
	state := durable.Of(c.Map, durable.Options{Holds: true})
	log, err := wal.Open(fs, wal.Options{
		ReadOnly:   true,
		Checkpoint: state.ApplyCheckpoint,
		Record: func(record []byte) error {
			c.Records++
			return state.Apply(record)
		},
		Part: part,
	})
	if err == nil {
		err = errors.Join(state.Stop(), log.Close())
	} else {
		err = errors.Join(err, state.Stop())
	}
	if err != nil {
		return Content{}, errors.Join(err, c.Map.Close())
	}
	c.Events = state.Events()
	return c, nil
}

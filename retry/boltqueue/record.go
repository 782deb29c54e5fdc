package boltqueue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/coderrange/ferrous/retry"
)

// The file has two buckets, jobs by ID and events by Seq, both big-endian. The
// sequence of the first is the last number given out.
var (
	jobsBucket   = []byte("jobs")
	eventsBucket = []byte("events")
)

// changes is the [retry.Journal] of a store: what the last calls changed, nil
// for what is gone.
type changes[T any] struct {
	jobs   map[uint64]*retry.Job[T]
	events map[uint64]*retry.Event[T]
}

func (c *changes[T]) PutJob(j retry.Job[T])     { c.jobs[j.ID] = &j }
func (c *changes[T]) DeleteJob(id uint64)       { c.jobs[id] = nil }
func (c *changes[T]) PutEvent(e retry.Event[T]) { c.events[e.Seq] = &e }
func (c *changes[T]) DeleteEvent(seq uint64)    { c.events[seq] = nil }

// commit writes the changes down.
func (s *Store[T]) commit() error {
	if len(s.changes.jobs)+len(s.changes.events) == 0 {
		return nil
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		jobs, events := tx.Bucket(jobsBucket), tx.Bucket(eventsBucket)
		for id, job := range s.changes.jobs {
			if err := put(jobs, id, job, s.encodeJob); err != nil {
				return err
			}
		}
		for seq, event := range s.changes.events {
			if err := put(events, seq, event, s.encodeEvent); err != nil {
				return err
			}
		}
		return jobs.SetSequence(s.memory.Last())
	})
	if err != nil {
		return fmt.Errorf("boltqueue: %w", err)
	}
	clear(s.changes.jobs)
	clear(s.changes.events)
	return nil
}

func put[V any](b *bbolt.Bucket, number uint64, v *V, encode func(*V) ([]byte, error)) error {
	key := binary.BigEndian.AppendUint64(nil, number)
	if v == nil {
		return b.Delete(key)
	}
	data, err := encode(v)
	if err != nil {
		return err
	}
	return b.Put(key, data)
}

// load reads the file.
func (s *Store[T]) load() (c retry.Contents[T], err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		jobs, err := tx.CreateBucketIfNotExists(jobsBucket)
		if err != nil {
			return err
		}
		events, err := tx.CreateBucketIfNotExists(eventsBucket)
		if err != nil {
			return err
		}
		c.Last = jobs.Sequence()
		err = jobs.ForEach(func(key, data []byte) error {
			job, err := s.decodeJob(data)
			if err != nil {
				return fmt.Errorf("job %x: %w", key, err)
			}
			job.ID = binary.BigEndian.Uint64(key)
			c.Jobs = append(c.Jobs, job)
			return nil
		})
		if err != nil {
			return err
		}
		return events.ForEach(func(key, data []byte) error {
			event, err := s.decodeEvent(data)
			if err != nil {
				return fmt.Errorf("event %x: %w", key, err)
			}
			event.Seq = binary.BigEndian.Uint64(key)
			c.Events = append(c.Events, event)
			return nil
		})
	})
	return c, err
}

// version is the first byte of every record.
const version = 1

var errRecord = errors.New("damaged record, or one of another version")

// encodeJob returns: version, state, attempts, fence, due, added, and the key,
// the reason and the value, each but the last after its length.
func (s *Store[T]) encodeJob(j *retry.Job[T]) ([]byte, error) {
	value, err := s.codec.Encode(j.Value)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, 64+len(j.Key)+len(j.Reason)+len(value))
	b = append(b, version, byte(j.State))
	b = binary.AppendUvarint(b, uint64(j.Attempts))
	b = binary.AppendUvarint(b, j.Fence)
	b = appendTime(b, j.Due)
	b = appendTime(b, j.Added)
	b = appendString(b, j.Key)
	b = appendString(b, j.Reason)
	return append(b, value...), nil
}

func (s *Store[T]) decodeJob(b []byte) (j retry.Job[T], err error) {
	r := reader{b: b}
	if r.byte() != version {
		return j, errRecord
	}
	j.State = retry.JobState(r.byte())
	j.Attempts = int(r.number())
	j.Fence = r.number()
	j.Due, j.Added = r.time(), r.time()
	j.Key, j.Reason = r.string(), r.string()
	if r.failed {
		return j, errRecord
	}
	j.Value, err = s.codec.Decode(r.b)
	return j, err
}

// encodeEvent returns: version, kind, time, the job's ID, and the job.
func (s *Store[T]) encodeEvent(e *retry.Event[T]) ([]byte, error) {
	job, err := s.encodeJob(&e.Job)
	if err != nil {
		return nil, err
	}
	b := appendTime([]byte{version, byte(e.Kind)}, e.Time)
	b = binary.AppendUvarint(b, e.Job.ID)
	return append(b, job...), nil
}

func (s *Store[T]) decodeEvent(b []byte) (e retry.Event[T], err error) {
	r := reader{b: b}
	if r.byte() != version {
		return e, errRecord
	}
	e.Kind = retry.EventKind(r.byte())
	e.Time = r.time()
	id := r.number()
	if r.failed {
		return e, errRecord
	}
	e.Job, err = s.decodeJob(r.b)
	e.Job.ID = id
	return e, err
}

func appendTime(b []byte, t time.Time) []byte {
	b = binary.AppendVarint(b, t.Unix()) // UnixNano has no zero time
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes a record apart; once it has failed, it returns zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n <= 0 || n > len(r.b) {
		r.failed, r.b = true, nil
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	r.take(n)
	return v
}

func (r *reader) time() time.Time {
	seconds, n := binary.Varint(r.b)
	r.take(n)
	return time.Unix(seconds, int64(r.number())).UTC()
}

func (r *reader) string() string {
	n := r.number()
	if n == 0 {
		return ""
	}
	return string(r.take(int(min(n, uint64(len(r.b)+1)))))
}

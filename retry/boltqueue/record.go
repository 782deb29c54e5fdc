package boltqueue

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"github.com/coderrange/ferrous/retry"
)

// The file has three buckets: jobs by ID and events by Seq, both big-endian, and
// the state. Each record ends with a checksum of its key and itself, and the
// state knows the number of records and the sum of their checksums: a record
// that is changed, moved, lost or out of date is noticed.
var (
	jobsBucket   = []byte("jobs")
	eventsBucket = []byte("events")
	stateBucket  = []byte("queue")
	stateKey     = []byte("state")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// version is the first byte of every record.
const version = 2

// state is what is written down of all records together.
type state struct {
	last         uint64 // see [retry.Memory.Last]
	jobs, events uint64 // how many there are
	sum          uint64 // of the checksums of all records
}

func (s state) encode() []byte {
	b := []byte{version}
	for _, n := range []uint64{s.last, s.jobs, s.events, s.sum} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return seal(stateKey, b)
}

func decodeState(b []byte) (s state, err error) {
	r, err := unseal(stateKey, b)
	if err != nil {
		return s, err
	}
	for _, n := range []*uint64{&s.last, &s.jobs, &s.events, &s.sum} {
		if b := r.take(8); b != nil {
			*n = binary.BigEndian.Uint64(b)
		}
	}
	return s, r.end()
}

// checksum returns the checksum of a record without it.
func checksum(key, record []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, record)
}

// seal appends the checksum of a record.
func seal(key, record []byte) []byte {
	return binary.BigEndian.AppendUint32(record, checksum(key, record))
}

// sumOf returns the checksum at the end of a record.
func sumOf(record []byte) uint32 { return binary.BigEndian.Uint32(record[len(record)-4:]) }

// unseal checks the version and the checksum of a record.
func unseal(key, record []byte) (reader, error) {
	switch {
	case len(record) < 5:
		return reader{}, fmt.Errorf("a record of %d bytes", len(record))
	case record[0] != version:
		return reader{}, fmt.Errorf("a record of version %d, not %d", record[0], version)
	case checksum(key, record[:len(record)-4]) != sumOf(record):
		return reader{}, fmt.Errorf("a record with a wrong checksum")
	}
	return reader{b: record[1 : len(record)-4]}, nil
}

// changes is the [retry.Journal] of a store: what the last calls changed, nil
// for what is gone.
type changes struct {
	jobs   map[uint64]*retry.Job[[]byte]
	events map[uint64]*retry.Event[[]byte]
}

func (c *changes) PutJob(j retry.Job[[]byte])     { c.jobs[j.ID] = &j }
func (c *changes) DeleteJob(id uint64)            { c.jobs[id] = nil }
func (c *changes) PutEvent(e retry.Event[[]byte]) { c.events[e.Seq] = &e }
func (c *changes) DeleteEvent(seq uint64)         { c.events[seq] = nil }

// records is what is known of the records in the file. Jobs and events never
// have the same number.
type records struct {
	state
	sums map[uint64]uint32 // checksum of each record
}

// commit writes the changes down. A panic of bbolt, whose file was changed under
// it, is an error.
func (s *Store[T]) commit() (err error) {
	if len(s.changes.jobs)+len(s.changes.events) == 0 {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			s.broken = true
			err = &DamageError{Path: s.path, Place: "the open file", What: fmt.Sprintf("bbolt: %v", v)}
		}
	}()
	err = s.db.Update(func(tx *bbolt.Tx) error {
		jobs, events := tx.Bucket(jobsBucket), tx.Bucket(eventsBucket)
		for id, job := range s.changes.jobs {
			var record []byte
			if job != nil {
				record = encodeJob(job)
			}
			if err := s.records.put(jobs, &s.records.jobs, id, record); err != nil {
				return err
			}
		}
		for seq, event := range s.changes.events {
			var record []byte
			if event != nil {
				record = encodeEvent(event)
			}
			if err := s.records.put(events, &s.records.events, seq, record); err != nil {
				return err
			}
		}
		s.records.last = s.memory.Last()
		return tx.Bucket(stateBucket).Put(stateKey, s.records.encode())
	})
	if err != nil {
		return fmt.Errorf("boltqueue: %s: write: %w; close the store and open it again", s.path, err)
	}
	if !present(s.place, s.info) {
		return fmt.Errorf("%w: %s", ErrRemoved, s.path)
	}
	clear(s.changes.jobs)
	clear(s.changes.events)
	return nil
}

// put writes a record, or removes it if it is nil, and keeps count.
func (r *records) put(b *bbolt.Bucket, count *uint64, number uint64, record []byte) error {
	old, was := r.sums[number]
	r.sum -= uint64(old)
	if was {
		*count--
	}
	key := numberKey(number)
	if record == nil {
		delete(r.sums, number)
		return b.Delete(key)
	}
	record = seal(key, record)
	*count++
	r.sums[number] = sumOf(record)
	r.sum += uint64(sumOf(record))
	return b.Put(key, record)
}

func numberKey(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

// load reads and checks the whole file.
func (r *records) load(f *os.File) (c retry.Contents[[]byte], err error) {
	p, err := readPages(f)
	if err != nil {
		return c, err
	}
	buckets := map[string][]byte{}
	err = p.walk(p.root, nil, nil, func(e element) error {
		name := string(e.key)
		if known := name == string(jobsBucket) || name == string(eventsBucket) || name == string(stateBucket); !known || !e.bucket {
			return damaged(fmt.Sprintf("key %q", name), "it is foreign to the file of a queue")
		}
		buckets[name] = e.value
		return nil
	})
	if err != nil {
		return c, err
	}
	if buckets[string(stateBucket)] == nil {
		return c, damaged("bucket queue", "missing: not a queue's file, or one of version 1")
	}
	var wrote *state
	err = p.bucket("queue", buckets[string(stateBucket)], func(e element) error {
		if e.bucket || string(e.key) != string(stateKey) {
			return damaged("bucket queue", "a foreign key %q", e.key)
		}
		s, err := decodeState(e.value)
		if err != nil {
			return damaged("bucket queue", "state: %v", err)
		}
		wrote = &s
		return nil
	})
	if err != nil {
		return c, err
	}
	if wrote == nil {
		return c, damaged("bucket queue", "no state")
	}
	err = r.loadBucket(p, "job", buckets[string(jobsBucket)], &r.jobs, func(number uint64, in *reader) {
		job := decodeJob(in)
		job.ID = number
		c.Jobs = append(c.Jobs, job)
	})
	if err == nil {
		err = r.loadBucket(p, "event", buckets[string(eventsBucket)], &r.events, func(number uint64, in *reader) {
			event := decodeEvent(in)
			event.Seq = number
			c.Events = append(c.Events, event)
		})
	}
	if err == nil {
		err = p.freelist()
	}
	if err != nil {
		return c, err
	}
	r.last = wrote.last
	switch {
	case r.jobs != wrote.jobs:
		return c, damaged("bucket jobs", "%d jobs instead of %d", r.jobs, wrote.jobs)
	case r.events != wrote.events:
		return c, damaged("bucket events", "%d events instead of %d", r.events, wrote.events)
	case r.sum != wrote.sum:
		return c, damaged("buckets jobs and events", "a record is out of date")
	}
	c.Last = wrote.last
	return c, nil
}

// loadBucket hands each record of a bucket to decode.
func (r *records) loadBucket(p *pages, kind string, bucket []byte, count *uint64, decode func(uint64, *reader)) error {
	if bucket == nil {
		return damaged("bucket "+kind+"s", "missing")
	}
	return p.bucket(kind+"s", bucket, func(e element) error {
		if e.bucket || len(e.key) != 8 {
			return damaged("bucket "+kind+"s", "a foreign key %q", e.key)
		}
		number := binary.BigEndian.Uint64(e.key)
		place := fmt.Sprintf("%s %d", kind, number)
		in, err := unseal(e.key, e.value)
		if err != nil {
			return damaged(place, "%v", err)
		}
		decode(number, &in)
		if err := in.end(); err != nil {
			return damaged(place, "%v", err)
		}
		if _, twice := r.sums[number]; twice {
			return damaged(place, "a number for two records")
		}
		*count++
		r.sums[number] = sumOf(e.value)
		r.sum += uint64(sumOf(e.value))
		return nil
	})
}

// encodeJob returns the record of a job without its checksum.
func encodeJob(j *retry.Job[[]byte]) []byte {
	b := make([]byte, 0, 80+len(j.Key)+len(j.Reason)+len(j.Value))
	return appendJob(append(b, version), j)
}

// appendJob appends: state, attempts, delay, fence, due, added, and the key, the
// reason and the value, each after its length.
func appendJob(b []byte, j *retry.Job[[]byte]) []byte {
	b = append(b, byte(j.State))
	b = binary.AppendUvarint(b, uint64(j.Attempts))
	b = binary.AppendVarint(b, int64(j.Delay))
	b = binary.AppendUvarint(b, j.Fence)
	b = appendTime(b, j.Due)
	b = appendTime(b, j.Added)
	b = appendString(b, j.Key)
	b = appendString(b, j.Reason)
	return appendString(b, j.Value)
}

func decodeJob(r *reader) (j retry.Job[[]byte]) {
	j.State = retry.JobState(r.byte())
	j.Attempts = int(r.number())
	j.Delay = time.Duration(r.signed())
	j.Fence = r.number()
	j.Due, j.Added = r.time(), r.time()
	j.Key, j.Reason = string(r.bytes()), string(r.bytes())
	j.Value = append([]byte{}, r.bytes()...) // the page is not kept
	return j
}

// encodeEvent returns the record of an event without its checksum: version,
// kind, time, the job's ID, and the job.
func encodeEvent(e *retry.Event[[]byte]) []byte {
	b := appendTime([]byte{version, byte(e.Kind)}, e.Time)
	b = binary.AppendUvarint(b, e.Job.ID)
	return appendJob(b, &e.Job)
}

func decodeEvent(r *reader) (e retry.Event[[]byte]) {
	e.Kind = retry.EventKind(r.byte())
	e.Time = r.time()
	id := r.number()
	e.Job = decodeJob(r)
	e.Job.ID = id
	return e
}

func appendTime(b []byte, t time.Time) []byte {
	b = binary.AppendVarint(b, t.Unix()) // UnixNano has no zero time
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

func appendString[S string | []byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes a record apart; once it has failed, it returns zeros.
type reader struct {
	b      []byte
	failed bool
}

// end says whether all of the record was read, and no more.
func (r *reader) end() error {
	if r.failed || len(r.b) > 0 {
		return fmt.Errorf("a record of another form")
	}
	return nil
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

func (r *reader) signed() int64 {
	v, n := binary.Varint(r.b)
	r.take(n)
	return v
}

func (r *reader) time() time.Time {
	seconds := r.signed()
	return time.Unix(seconds, int64(r.number())).UTC()
}

func (r *reader) bytes() []byte {
	n := r.number()
	if n == 0 {
		return nil
	}
	return r.take(int(min(n, uint64(len(r.b)+1))))
}

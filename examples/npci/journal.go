package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
)

// errDamaged says that a file is not as this program left it.
var errDamaged = errors.New("the books do not balance")

func damaged(path, format string, args ...any) error {
	return fmt.Errorf("%w: %s: damaged: %s", errDamaged, path, fmt.Sprintf(format, args...))
}

// checksum is the size of what stands behind each record.
const checksum = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journal is a file of records of one size. Behind each record stands a checksum
// of all records up to it. So a record that was changed, moved or taken out is
// noticed, unless it was the last.
type journal struct {
	path   string
	file   *os.File
	record int // bytes of a record, without checksum
	count  int
	sum    uint32
}

// openJournal opens or creates a journal of at most most records and hands them to
// each. What a
// crash has left half written at the end is cut off. Of the first synced records
// none may be missing or damaged: they were on disk.
func openJournal(path string, record, most, synced int, each func(record []byte) error) (*journal, error) {
	// What follows the last record is less than one more.
	file, err := lockfile.Regular(path, os.O_RDWR|os.O_CREATE, (int64(most)+1)*int64(record+checksum))
	if err != nil {
		return nil, err
	}
	j := &journal{path: path, file: file, record: record}
	if err := j.load(synced, each); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

func (j *journal) load(synced int, each func(record []byte) error) error {
	data, err := io.ReadAll(j.file)
	if err != nil {
		return err
	}
	size := j.record + checksum
	for ; len(data) >= size; data = data[size:] {
		sum := crc32.Update(j.sum, castagnoli, data[:j.record])
		if sum != binary.LittleEndian.Uint32(data[j.record:]) {
			return damaged(j.path, "record %d, at byte %d, is not the one that was written there", j.count+1, j.count*size)
		}
		if err := each(data[:j.record]); err != nil {
			return err
		}
		j.sum, j.count = sum, j.count+1
	}
	if j.count < synced {
		return damaged(j.path, "%d of %d records are missing", synced-j.count, synced)
	}
	return j.file.Truncate(int64(j.count * size))
}

// seal appends a record and its checksum to buffer. The records of a journal are
// sealed in the order in which they are written.
func (j *journal) seal(buffer, record []byte) []byte {
	j.sum = crc32.Update(j.sum, castagnoli, record)
	return binary.LittleEndian.AppendUint32(append(buffer, record...), j.sum)
}

// write writes sealed records. When that fails nothing may be written any more,
// since the journal may end with half a record.
func (j *journal) write(sealed []byte) error {
	size := j.record + checksum
	if _, err := j.file.WriteAt(sealed, int64(j.count*size)); err != nil {
		return err
	}
	j.count += len(sealed) / size
	return nil
}

// present fails if the file was removed or replaced: what is written then is
// nowhere.
func (j *journal) present() error { return present(j.file, j.path) }

func present(file *os.File, path string) error {
	if !lockfile.Same(file, path) {
		return fmt.Errorf("%s was removed or replaced meanwhile", path)
	}
	return nil
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/coderrange/ferrous/result"
	"github.com/coderrange/ferrous/seq"
)

// Load reads the tasks of a file. A file that does not exist has none; one that
// cannot be understood is an error, and is left alone.
func Load(path string) (m TaskManager, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return TaskManager{}, nil
	}
	if err != nil {
		return TaskManager{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return TaskManager{}, fmt.Errorf("%s is not a task file: %w", path, err)
	}
	if dec.More() {
		return TaskManager{}, fmt.Errorf("%s is not a task file: more than one value", path)
	}
	if err := m.validate(); err != nil {
		return TaskManager{}, fmt.Errorf("%s is not a task file: %w", path, err)
	}
	return m, nil
}

// validate refuses ids that Add could not have given.
func (m *TaskManager) validate() error {
	seen := map[int]bool{}
	return seq.TryForEach(slices.Values(m.Tasks), func(t Task) error {
		if t.ID < 1 || t.ID > m.LastID || seen[t.ID] {
			return fmt.Errorf("id %d is used twice or was never given", t.ID)
		}
		seen[t.ID] = true
		return nil
	})
}

// Save writes the tasks to a file, as one step: whoever reads it, also after a
// crash, finds the old tasks or the new ones.
func (m *TaskManager) Save(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot save %s: %w", path, err)
		}
	}()
	defer result.Handle(&err)
	data := result.Check(json.MarshalIndent(m, "", "  "))
	file := result.Check(os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp*"))
	if err := errors.Join(fill(file, append(data, '\n')), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// fill writes data to file, down to the disk.
func fill(file *os.File, data []byte) (err error) {
	defer result.Handle(&err)
	result.Check(file.Write(data))
	return file.Sync()
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
	"github.com/coderrange/ferrous/result"
	"github.com/coderrange/ferrous/seq"
)

// maxFile is how many bytes a file of tasks may have.
const maxFile = 64 << 20

// Load reads the tasks of a file. A file that does not exist has none. A file
// that cannot be understood, as a whole and without loss, is an error and is
// left alone: else the next save would replace somebody's data.
func Load(path string) (m TaskManager, err error) {
	file, err := lockfile.Regular(path, os.O_RDONLY, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return TaskManager{}, nil
	}
	if err != nil {
		return TaskManager{}, err
	}
	data, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return TaskManager{}, err
	}
	if m, err = parse(data); err != nil {
		return TaskManager{}, fmt.Errorf("%s is not a task file: %w", path, err)
	}
	return m, nil
}

// parse reads the tasks of a file's contents.
func parse(data []byte) (m TaskManager, err error) {
	defer result.Handle(&err)
	if !utf8.Valid(data) {
		return m, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	result.Check0(dec.Decode(&m))
	switch _, err := dec.Token(); {
	case err == nil:
		return m, errors.New("more than one value")
	case !errors.Is(err, io.EOF):
		return m, fmt.Errorf("something follows the value: %w", err)
	}
	result.Check0(uniqueKeys(json.NewDecoder(bytes.NewReader(data))))
	return m, m.validate()
}

// uniqueKeys refuses an object that has a key twice, of which [json] would drop
// one. Keys that differ in case are the same to it.
func uniqueKeys(dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if delim == '{' {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			name := strings.ToLower(key.(string))
			if seen[name] {
				return fmt.Errorf("key %q is there twice", key)
			}
			seen[name] = true
		}
		if err := uniqueKeys(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the end
	return err
}

// validate refuses what Add could not have made.
func (m *TaskManager) validate() error {
	if m.Tasks == nil {
		return errors.New("there is no list of tasks")
	}
	if m.LastID < 0 {
		return fmt.Errorf("last_id is %d", m.LastID)
	}
	seen := map[int]bool{}
	return seq.TryForEach(slices.Values(m.Tasks), func(t Task) error {
		if t.ID < 1 || t.ID > m.LastID || seen[t.ID] {
			return fmt.Errorf("id %d is used twice or was never given", t.ID)
		}
		seen[t.ID] = true
		if err := checkTitle(t.Title); err != nil {
			return fmt.Errorf("task %d: %w", t.ID, err)
		}
		return nil
	})
}

// Save writes the tasks to a file, as one step: whoever reads it, also after a
// crash, finds the old tasks or the new ones. One process at a time may call it:
// see [change].
func (m *TaskManager) Save(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot save %s: %w", path, err)
		}
	}()
	defer result.Handle(&err)
	if m.Tasks == nil {
		m.Tasks = []Task{}
	}
	data := append(result.Check(json.MarshalIndent(m, "", "  ")), '\n')
	if len(data) > maxFile {
		return fmt.Errorf("there are too many tasks: they take %d bytes, more than %d", len(data), maxFile)
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	// What a killed process has left there is replaced.
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file := result.Check(os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode))
	if err := errors.Join(fill(file, data, mode), file.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDirectory(filepath.Dir(path))
}

// fill writes data to file, down to the disk.
func fill(file *os.File, data []byte, mode fs.FileMode) (err error) {
	defer result.Handle(&err)
	result.Check0(file.Chmod(mode)) // whatever the umask takes away
	result.Check(file.Write(data))
	return file.Sync()
}

// syncDirectory brings a rename to the disk.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" { // which cannot
		return nil
	}
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

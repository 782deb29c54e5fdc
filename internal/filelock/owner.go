package filelock

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Owner is a process that has locked a file. It is told to people: the lock decides.
type Owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Program string    `json:"program"`
	Since   time.Time `json:"since"`
}

// Self returns this process as the owner of a lock from now on.
func Self() Owner {
	host, _ := os.Hostname()
	return Owner{PID: os.Getpid(), Host: host, Program: filepath.Base(os.Args[0]), Since: time.Now().UTC().Round(0)}
}

// Encode returns the owner as JSON.
func (o Owner) Encode() []byte {
	data, err := json.Marshal(o)
	if err != nil { // a clock in a year that has no form in JSON
		return nil
	}
	return data
}

// DecodeOwner returns what Encode has written. It returns a zero Owner if the text is not
// whole, as when it is just being written.
func DecodeOwner(data []byte) (o Owner) {
	if json.Unmarshal(data, &o) != nil {
		return Owner{}
	}
	return o
}

// String names the process. A zero Owner is "another process".
func (o Owner) String() string {
	if o.PID == 0 {
		return "another process"
	}
	return fmt.Sprintf("process %d (%s) on host %s since %s", o.PID, o.Program, o.Host, o.Since.Format(time.RFC3339))
}

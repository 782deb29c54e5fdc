package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
)

func TestOutputIsAsExpectedAndNothingLeaks(t *testing.T) {
	rc.CheckLeaks(t)
	arcmutex.CheckLeaks(t)
	want, err := os.ReadFile("testdata/output.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	run(&got)
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
	}
}

func TestEveryBorrowIsReleased(t *testing.T) {
	refcell.CheckLeaks(t) // which would also print where each refused borrow was
	run(new(bytes.Buffer))
}

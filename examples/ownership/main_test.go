package main

import (
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
	if got := run(); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEveryBorrowIsReleased(t *testing.T) {
	refcell.CheckLeaks(t) // which would also print where each refused borrow was
	run()
}

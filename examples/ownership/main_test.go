package main

import (
	"os"
	"testing"

	"github.com/coderrange/ferrous/track"
)

func TestOutputIsAsExpected(t *testing.T) {
	want, err := os.ReadFile("testdata/output.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := run(); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEverythingIsEnded(t *testing.T) {
	track.Check(t) // which would also print where each refused borrow was
	run()
}

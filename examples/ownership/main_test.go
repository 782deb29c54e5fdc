package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/track"
)

func TestMain(m *testing.M) {
	countAsChild()
	goleak.VerifyTestMain(m)
}

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
	defer arcmutex.Check(time.Minute, func(d *arcmutex.Deadlock) { t.Error(d) })()
	run()
}

func TestVetRefusesTheCopyOfAPinnedValue(t *testing.T) {
	source, err := os.ReadFile("testdata/pin.go.txt") // not a package of the module, which vet would refuse
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pin.go")
	if err := os.WriteFile(file, source, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := testkit.Command(t, "go", "vet", file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "assignment copies lock value to moved") {
		t.Errorf("%v: %s", err, out)
	}
}

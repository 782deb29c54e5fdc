// Command streams reads a file line by line, the events of an SSE endpoint and
// the rows of an SQL query at once, as one stream, in memory that does not grow
// with any of them. It makes all three itself, on this machine alone, in a
// temporary directory, which it removes in the end and after a signal.
//
// Where to look:
//
//	concept                            here
//	the lines of a file                main.go: run; stream.Lines
//	server-sent events                 main.go: run; stream.SSE
//	the rows of a database             main.go: tableRows; stream.Rows
//	all as one stream                  main.go: run; stream.SelectAll
//	a poll that costs bounded memory   main.go: meter
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	_ "modernc.org/sqlite"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/stream"
)

const maxLine = 4096

// maxCount bounds each source. A file of so many lines has 100 GB.
const maxCount = 1_000_000_000

func main() { program.Main("streams", command) }

func command(ctx context.Context, args []string, out io.Writer) error {
	var lines, events, rows int
	flags := program.NewFlags("streams", "streams [flags]")
	flags.Int(&lines, "lines", 200_000, 0, maxCount, "how many lines the file has, of 100 bytes each")
	flags.Int(&events, "events", 2_000, 0, maxCount, "how many events the endpoint sends")
	flags.Int(&rows, "rows", 20_000, 0, maxCount, "how many rows the table has")
	goOn, err := flags.Parse(args, out)
	if err != nil || !goOn {
		return err
	}
	return run(ctx, out, lines, events, rows)
}

func run(ctx context.Context, out io.Writer, lines, events, rows int) (err error) {
	dir, err := os.MkdirTemp("", "streams")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "lines.txt")
	if err := writeFile(ctx, file, lines); err != nil {
		return err
	}
	db, err := makeTable(ctx, filepath.Join(dir, "rows.db"), rows)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	server, err := serveEvents(events)
	if err != nil {
		return err
	}
	defer server.close()

	all := stream.SelectAll(map[string]stream.Stream[int]{
		"lines": stream.Map(stream.Lines(stream.File(file), maxLine), 1, number),
		"events": stream.Map(stream.SSE(server.get, maxLine), 1, func(ctx context.Context, e stream.Event) (int, error) {
			return number(ctx, e.Data)
		}),
		"rows": tableRows(db),
	})
	count, sum := map[string]int{}, map[string]int{}
	meter := newMeter()
	for v, err := range all.All(ctx) {
		if err != nil {
			return err
		}
		count[v.Key]++
		sum[v.Key] += v.Value
		meter.tick()
	}
	var report strings.Builder
	for _, name := range slices.Sorted(slices.Values([]string{"lines", "events", "rows"})) {
		fmt.Fprintf(&report, "%-6s count=%d sum=%d\n", name, count[name], sum[name])
	}
	fmt.Fprintf(&report, "heap grew by at most %.1f MB\n", meter.grown())
	_, err = io.WriteString(out, report.String())
	return err
}

// number reads the number before the first space.
func number(_ context.Context, text string) (int, error) {
	digits, _, _ := strings.Cut(text, " ")
	return strconv.Atoi(digits)
}

func tableRows(db *sql.DB) stream.Stream[int] {
	return stream.Rows(
		func(ctx context.Context) (*sql.Rows, error) {
			return db.QueryContext(ctx, "SELECT n FROM numbers ORDER BY n")
		},
		func(rows *sql.Rows) (n int, err error) {
			err = rows.Scan(&n)
			return n, err
		},
	)
}

// meter looks at the heap now and then.
type meter struct {
	before, most uint64
	ticks        int
}

func newMeter() *meter {
	runtime.GC()
	return &meter{before: heap()}
}

func (m *meter) tick() {
	if m.ticks++; m.ticks%20_000 == 0 {
		m.most = max(m.most, heap())
	}
}

// grown returns by how many MB.
func (m *meter) grown() float64 {
	return float64(max(m.most, m.before)-m.before) / (1 << 20)
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse
}

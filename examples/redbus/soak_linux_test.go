package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

// Users come, hold, book, cancel, watch, err and leave; events come and go. After each
// round the service has as many goroutines and open files as after the first, and its heap
// does not grow. FERROUS_STRESS=1h makes it a soak of two hours, one for each store.
func TestARoundOfUsersLeavesNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, store := range []string{"memory", "journal"} {
		t.Run(store, func(t *testing.T) {
			if store == "journal" {
				store += ":" + t.TempDir()
			}
			s := startServing(t, "-store", store, "-seats", "1000", "-debug", "127.0.0.1:0")
			k := &soak{url: s.url, debug: s.debug, pid: s.cmd.Process.Pid}
			base := k.settle(t, k.round(t, 0))
			var heaps []int
			for n, end := 1, time.Now().Add(testkit.StressTime(t)); n < 3 || time.Now().Before(end); n++ {
				k.round(t, n)
				now := k.settle(t, base)
				heaps = append(heaps, now.heap)
				if n%50 == 0 {
					t.Logf("round %d: %+v", n, now)
				}
				require.False(t, t.Failed())
			}
			if n := len(heaps); n >= 100 { // the first half fills what is bounded
				middle, last := slices.Max(heaps[n/2:n*3/4]), slices.Max(heaps[n*3/4:])
				t.Logf("%d rounds, heap at most %d in the third quarter, %d in the last, after the first round %+v", n, middle, last, base)
				assert.Less(t, last, middle+middle/10+1<<20)
			}
			http.DefaultClient.CloseIdleConnections()
			assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
		})
	}
}

// A soak is a service under test.
type soak struct {
	url, debug string
	pid        int
}

// used is what the process uses.
type used struct{ goroutines, files, heap int }

var (
	goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)
	heapAlloc      = regexp.MustCompile(`# HeapAlloc = (\d+)`)
)

// measure collects garbage and counts.
func (k *soak) measure(t *testing.T) (u used) {
	t.Helper()
	number := func(path string, pattern *regexp.Regexp) int {
		r, err := http.Get(k.debug + path)
		require.NoError(t, err)
		text, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		found := pattern.FindSubmatch(text)
		require.NotNil(t, found, "%s", text)
		n, err := strconv.Atoi(string(found[1]))
		require.NoError(t, err)
		return n
	}
	u.heap = number("heap?gc=1&debug=1", heapAlloc)
	u.goroutines = number("goroutine?debug=1", goroutineTotal)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", k.pid))
	require.NoError(t, err)
	u.files = len(files)
	return u
}

// settle waits until the process uses no more goroutines and files than base.
func (k *soak) settle(t *testing.T, base used) (now used) {
	t.Helper()
	require.Eventually(t, func() bool {
		now = k.measure(t)
		return now.goroutines <= base.goroutines && now.files <= base.files
	}, time.Minute, 20*time.Millisecond, "base %+v", base)
	return now
}

// round lets clients come and go, and returns what the process may use after it.
func (k *soak) round(t *testing.T, n int) used {
	t.Helper()
	base := k.measure(t)
	err := task.WithGroup(t.Context(), task.Unlimited, func(g *task.Scope) error {
		for c := range 8 {
			g.SpawnErr(func(ctx context.Context) error {
				u := &soaker{soak: k, user: fmt.Sprintf("user %d %d", n, c), client: &http.Client{Transport: &http.Transport{}}}
				defer u.client.CloseIdleConnections()
				return u.visit(ctx, fmt.Sprintf("event %d %d", n, c))
			})
		}
		return nil
	})
	require.NoError(t, err)
	return base
}

// A soaker is one client.
type soaker struct {
	*soak
	user   string
	client *http.Client
	sent   int
}

// visit does all that a client can do, right and wrong.
func (u *soaker) visit(ctx context.Context, own string) error {
	const bus = "/v1/events/bus"
	book := func(method, body string) error {
		hold, err := u.ask(ctx, "POST", bus+method, body)
		if err != nil || hold["token"] == nil {
			return err // another has it
		}
		booking, err := u.ask(ctx, "POST", bus+"/book", fmt.Sprintf(`{"token":%q}`, hold["token"]))
		if err != nil || booking["token"] == nil {
			return err
		}
		_, err = u.ask(ctx, "POST", bus+"/cancel", fmt.Sprintf(`{"token":%q}`, booking["token"]))
		return err
	}
	give := func() error {
		hold, err := u.ask(ctx, "POST", bus+"/block-any", `{"n":2,"ttl_ms":60000}`)
		if err != nil || hold["token"] == nil {
			return err
		}
		_, err = u.ask(ctx, "POST", bus+"/release", fmt.Sprintf(`{"token":%q}`, hold["token"]))
		return err
	}
	only := func(method, path, body string) func() error {
		return func() error { _, err := u.ask(ctx, method, path, body); return err }
	}
	for i := range 5 {
		for _, step := range []func() error{
			func() error { return book("/block", fmt.Sprintf(`{"seats":["%d"],"ttl_ms":60000}`, i+1)) },
			func() error { return book("/block-any", `{"n":3,"ttl_ms":60000}`) },
			give,
			only("POST", bus+"/block-any", `{"n":1,"ttl_ms":20}`), // runs out
			only("POST", bus+"/block", `{"seats":[`),
			only("POST", bus+"/book", `{"token":"nothing"}`),
			only("GET", bus+"/seats", ""),
			only("GET", "/no such path", ""),
			func() error { return u.watch(ctx, bus) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
	}
	u.user = "operator"
	if _, err := u.ask(ctx, "POST", "/v1/events", fmt.Sprintf(`{"event":%q,"count":50}`, own)); err != nil {
		return err
	}
	own = "/v1/events/" + strings.ReplaceAll(own, " ", "%20")
	if err := u.watch(ctx, own); err != nil {
		return err
	}
	_, err := u.ask(ctx, "DELETE", own, "")
	return err
}

// ask sends a request, whose answer may be anything but a fault of the service.
func (u *soaker) ask(ctx context.Context, method, path, body string) (answer map[string]any, err error) {
	r, err := u.send(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(r.Body)
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &answer)
	}
	return answer, err
}

func (u *soaker) send(ctx context.Context, method, path, body string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, u.url+strings.ReplaceAll(path, " ", "%20"), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	u.sent++
	q.Header.Set("Authorization", "Bearer "+strings.ReplaceAll(u.user, " ", "-"))
	q.Header.Set("Idempotency-Key", fmt.Sprint(u.user, u.sent))
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	r, err := u.client.Do(q)
	if err == nil && r.StatusCode >= http.StatusInternalServerError {
		text, _ := io.ReadAll(r.Body)
		return nil, fmt.Errorf("%s %s: %d %s", method, path, r.StatusCode, text)
	}
	return r, err
}

// watch reads a stream until its first event and leaves.
func (u *soaker) watch(ctx context.Context, event string) error {
	r, err := u.send(ctx, "GET", event+"/changes", "")
	if err != nil {
		return err
	}
	defer r.Body.Close() //nolint:errcheck // a stream is left
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "event: ") {
	}
	return lines.Err()
}

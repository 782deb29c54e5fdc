package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/task"
)

// served is a service in a process of its own.
type served struct {
	cmd                 *exec.Cmd
	url, debug, metrics string // debug is where it shows profiles
	stderr              *bytes.Buffer
}

func startServing(t *testing.T, args ...string) *served {
	t.Helper()
	s := &served{cmd: testkit.Self(t, append([]string{"serve", "-addr", "127.0.0.1:0"}, args...)...), stderr: new(bytes.Buffer)}
	s.cmd.Env = append(os.Environ(), asMain+"=right", "GORACE=atexit_sleep_ms=0")
	s.cmd.Stderr = s.stderr
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	lines := bufio.NewReader(out)
	first := func() string {
		line, err := lines.ReadString('\n')
		if err != nil {
			_ = s.cmd.Wait()
			require.NoError(t, err, s.stderr.String())
		}
		word, _, _ := strings.Cut(line, " ")
		return word
	}
	s.url = first()
	if slices.Contains(args, "-debug") {
		s.debug = first()
	}
	if slices.Contains(args, "-metrics") {
		s.metrics = first()
	}
	return s
}

// end sends a signal and returns the exit code.
func (s *served) end(t *testing.T, signal os.Signal) int {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(signal))
	_ = s.cmd.Wait() // the exit code tells
	return s.cmd.ProcessState.ExitCode()
}

// get returns the status and the body of an address.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return getAs(t, url, "")
}

// getAs is get with the key of a user.
func getAs(t *testing.T, url, user string) (status int, body string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	if user != "" {
		q.Header.Set("Authorization", "Bearer "+user)
	}
	r, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	return r.StatusCode, string(text)
}

// post sends a request of a user, which must make something.
func post(ctx context.Context, url, user, key, body string) (answer map[string]any, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+user)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Idempotency-Key", key)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusCreated {
		return nil, retry.Permanent(fmt.Errorf("%d %s", r.StatusCode, text))
	}
	return answer, nil
}

// killings is how often a test kills a process: once in a short test, else 5 times, or once
// for each 10 s that the test may take by FERROUS_STRESS.
func killings(t *testing.T) int {
	t.Helper()
	if testing.Short() {
		return 1
	}
	return max(5, int(testkit.StressTime(t)/(10*time.Second)))
}

// Clients repeat each request by its key until it is answered, while the service is
// killed and started again: what was acknowledged is there, each seat is booked once, and
// no request fails.
func TestServiceKilledUnderLoadLosesNothing(t *testing.T) {
	const clients = 8
	kills := killings(t)
	seats := 80 * kills
	dir := filepath.Join(t.TempDir(), "journal")
	start := func() *served {
		return startServing(t, "-store", "journal:"+dir, "-seats", fmt.Sprint(seats))
	}
	s := start()
	address := arcmutex.NewRWMutex(s.url)
	booked := arcmutex.NewMutex(map[string]string{})
	progress := make(chan struct{}, seats) // one for each seat that was booked
	patient := retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(5 * time.Millisecond)})
	send := func(ctx context.Context, method, user, key, body string) (map[string]any, error) {
		return retry.Do(ctx, patient, func(ctx context.Context) (map[string]any, error) {
			url, err := address.Get()
			if err != nil {
				return nil, err
			}
			return post(ctx, url+"/v1/events/bus/"+method, user, key, body)
		})
	}
	err := task.WithGroup(t.Context(), task.Unlimited, func(g *task.Scope) error {
		for c := range clients {
			g.SpawnErr(func(ctx context.Context) error {
				user := fmt.Sprintf("user%d", c)
				for n := c; n < seats; n += clients {
					seat := fmt.Sprint(n + 1)
					var booking map[string]any
					for booking == nil {
						// The hold may be lost with the process; then it is asked for again.
						hold, err := send(ctx, "block", user, fmt.Sprintf("hold %s %d", seat, rand.Uint64()), fmt.Sprintf(`{"seats":[%q],"ttl_ms":60000}`, seat))
						if err != nil {
							return err
						}
						booking, err = send(ctx, "book", user, "book "+seat, fmt.Sprintf(`{"token":%q}`, hold["token"]))
						if err != nil && !strings.Contains(err.Error(), "seats:expired") {
							return err
						}
					}
					booked.With(func(m *map[string]string) { (*m)[seat] = user })
					progress <- struct{}{}
				}
				return nil
			})
		}
		for range kills {
			for range seats / (kills + 2) {
				select {
				case <-progress:
				case <-g.Context().Done():
					return context.Cause(g.Context())
				}
			}
			s.end(t, syscall.SIGKILL)
			s = start()
			if err := address.Set(s.url); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	owners, err := booked.Get()
	require.NoError(t, err)
	assert.Len(t, owners, seats)

	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/events/bus", nil)
	require.NoError(t, err)
	q.Header.Set("Authorization", "Bearer alice")
	r, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	assert.JSONEq(t, fmt.Sprintf(`{"event":"bus","available":0,"blocked":0,"booked":%d,"closed":0}`, seats), string(text))
	http.DefaultClient.CloseIdleConnections()
	assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
}

func TestServeRefusesBadFlags(t *testing.T) {
	for args, message := range map[string]string{
		"-store redis":                            `-store "redis" is none of memory, journal:DIR, redis://… and postgres://…`,
		"-store journal:":                         `-store "journal:" is none of memory, journal:DIR, redis://… and postgres://…`,
		"-store postgres://127.0.0.1:1/x":         `store is unavailable`,
		"-store mysql://user:password@host/x":     `-store "mysql" is none of`,
		"-store redis://user:password@host:x":     `-store "redis" is none of`,
		"-store postgres://user:password@host:x":  `-store is not the URL of a PostgreSQL database`,
		"-store postgres://a:b":                   `-store is not the URL of a PostgreSQL database`,
		"-store redis://127.0.0.1:1":              `store is unavailable`,
		"-debug 0.0.0.0:6060":                     `-debug "0.0.0.0:6060" is not a loopback address with a port`,
		"-debug localhost":                        `-debug "localhost" is not a loopback address with a port`,
		"-metrics localhost":                      `missing port`,
		"-seats 0":                                `-seats 0 is not 1 to`,
		"-trusted-proxies ten":                    `-trusted-proxies: "ten" is not a network or an address`,
		"-trusted-proxies 10.0.0.0/33":            `-trusted-proxies: "10.0.0.0/33" is not a network or an address`,
		"-trusted-proxies fe80::1%eth":            `-trusted-proxies: "fe80::1%eth" is not a network or an address`,
		"-trusted-proxies 10.0.0.1,":              `-trusted-proxies: "" is not a network or an address`,
		"-trusted-proxies 0.0.0.0/0":              `-trusted-proxies: "0.0.0.0/0" is everyone`,
		"-trusted-proxies ::/0":                   `-trusted-proxies: "::/0" is everyone`,
		"-drain -1s":                              `-drain -1s is not 0 to`,
		"-replicas 1":                             `-replicas is for a store on Redis only`,
		"-replicas 10 -store redis://127.0.0.1:1": `-replicas 10 is not 0 to 9`,
		"-keys /nowhere":                          `no such file`,
		"more":                                    `unexpected argument "more"`,
		"-addr 127.0.0.1:99999":                   `invalid port`,
		"-event {}":                               `invalid event name`,
		"-store memory -addr nobody":              `missing port`,
	} {
		code, _, stderr := redbus(t, append([]string{"serve"}, strings.Fields(args)...)...)
		assert.NotZero(t, code, args)
		assert.Contains(t, stderr, message)
		assert.NotContains(t, stderr, "password")
	}
}

func TestProbeTellsWhetherAServiceIsReady(t *testing.T) {
	s := startServing(t)
	code, _, stderr := redbus(t, "probe", "-url", s.url+"/readyz")
	assert.Zero(t, code, stderr)
	code, _, stderr = redbus(t, "probe", "-url", s.url+"/v1/events")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "401 Unauthorized")
	assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
	code, _, stderr = redbus(t, "probe", "-url", s.url+"/readyz")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "connect")
	for _, args := range [][]string{{"-url", "%"}, {"-timeout", "0s"}, {"more"}} {
		code, _, stderr = redbus(t, append([]string{"probe"}, args...)...)
		assert.Equal(t, 2, code, "%s: %s", args, stderr)
	}
}

func TestTrustedProxiesAreNetworksAndAddresses(t *testing.T) {
	all, err := networks("10.0.0.0/8, fd00::/8,192.0.2.1,2001:db8::1")
	require.NoError(t, err)
	assert.Equal(t, "[10.0.0.0/8 fd00::/8 192.0.2.1/32 2001:db8::1/128]", fmt.Sprint(all))
}

func TestServeShowsProfilesOnALoopbackAddressOnly(t *testing.T) {
	const key = "alice-0123456789-0123456789"
	keys := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keys, []byte("user alice "+key+"\n"), 0o600))
	s := startServing(t, "-keys", keys, "-debug", "127.0.0.1:0")
	r, err := http.Get(s.url + "/debug/pprof/profile")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	assert.Equal(t, http.StatusUnauthorized, r.StatusCode)
	r, err = http.Get(s.debug)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	assert.Equal(t, http.StatusOK, r.StatusCode)
	code, stdout, stderr := redbus(t, "serve", "-addr", "127.0.0.1:0", "-debug", strings.TrimSuffix(strings.TrimPrefix(s.debug, "http://"), "/debug/pprof/"))
	assert.NotZero(t, code)
	assert.Contains(t, stderr, "address already in use")
	assert.Empty(t, stdout, "it does not say that it serves")
	hold, err := post(t.Context(), s.url+"/v1/events/bus/block", key, "a key that is secret", `{"seats":["1"],"ttl_ms":60000}`)
	require.NoError(t, err)
	http.DefaultClient.CloseIdleConnections()
	assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
	for _, secret := range []string{key, "a key that is secret", hold["token"].(string)} {
		assert.NotContains(t, s.stderr.String(), secret)
	}
}

func TestServeEndsAtOnce(t *testing.T) {
	for range 20 {
		s := startServing(t, "-metrics", "127.0.0.1:0", "-debug", "127.0.0.1:0")
		require.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())
	}
}

func TestServeShowsMetricsOnAPortOfTheirOwn(t *testing.T) {
	s := startServing(t, "-metrics", "127.0.0.1:0", "-debug", "127.0.0.1:0")
	_, err := post(t.Context(), s.url+"/v1/events/bus/block", "alice", "a key", `{"seats":["1"],"ttl_ms":60000}`)
	require.NoError(t, err)
	status, _ := get(t, s.url+"/metrics")
	assert.Equal(t, http.StatusUnauthorized, status)
	status, _ = get(t, strings.TrimSuffix(s.metrics, "/metrics")+"/debug/pprof/")
	assert.Equal(t, http.StatusNotFound, status)
	status, text := get(t, s.metrics)
	assert.Equal(t, http.StatusOK, status)
	for _, line := range []string{
		`redbus_ready 1`,
		`redbus_http_requests_total{code="201",method="POST",route="/v1/events/{event}/block"} 1`,
		`ferrous_seatmap_seats{event="bus",name="store",state="blocked"} 1`,
	} {
		assert.Contains(t, text, line+"\n")
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "go_build_info"} {
		assert.Contains(t, text, "\n"+name)
	}
	assert.NotContains(t, text, "alice")
	http.DefaultClient.CloseIdleConnections()
	assert.Zero(t, s.end(t, syscall.SIGTERM), s.stderr.String())

	code, stdout, stderr := redbus(t, "serve", "-addr", "127.0.0.1:0", "-debug", "127.0.0.1:0", "-metrics", "192.0.2.1:9090")
	assert.NotZero(t, code)
	assert.Contains(t, stderr, "192.0.2.1")
	assert.Empty(t, stdout, "it does not say that it serves")
}

package deploy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// start starts a server that listens at an address. Another process may take the port
// first, and then the server ends.
func start(t *testing.T, command func(port string) *exec.Cmd, answers func(address string) bool) (c *exec.Cmd, address string) {
	t.Helper()
	for range 10 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address = l.Addr().String()
		require.NoError(t, l.Close())
		_, port, _ := net.SplitHostPort(address)
		c = command(port)
		require.NoError(t, c.Start())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = c.Wait() // it may be killed
		}()
		t.Cleanup(func() {
			_ = c.Process.Kill() // it may have ended
			<-ended
		})
		for !answers(address) {
			select {
			case <-ended:
			case <-t.Context().Done():
			case <-time.After(10 * time.Millisecond):
				continue
			}
			break
		}
		if answers(address) {
			return c, address
		}
	}
	require.Fail(t, "no server could start")
	return nil, ""
}

// A redis is a Redis server that keeps its data when it is killed.
type redis struct {
	t       *testing.T
	dir     string
	process *exec.Cmd
	address string
}

func (r *redis) command(port string) *exec.Cmd {
	return testkit.Command(r.t, testkit.Program(r.t, "redis-server"), "--bind", "127.0.0.1", "--port", port, "--dir", r.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--logfile", filepath.Join(r.dir, "log"))
}

func (r *redis) start() {
	r.t.Helper()
	r.process, r.address = start(r.t, r.command, func(address string) bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		defer c.Close() //nolint:errcheck // it was only tried
		_, _ = io.WriteString(c, "PING\r\n")
		line, _ := bufio.NewReader(c).ReadString('\n')
		return line == "+PONG\r\n"
	})
}

// A watching is a Prometheus that scrapes a service.
type watching struct {
	t   *testing.T
	url string
}

// startPrometheus starts one that has a file of configuration.
func startPrometheus(t *testing.T, file string) *watching {
	t.Helper()
	dir := t.TempDir()
	_, address := start(t, func(port string) *exec.Cmd {
		return testkit.Command(t, testkit.Program(t, "prometheus"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, port),
			"--web.listen-address=127.0.0.1:"+port, "--log.level=error")
	}, func(address string) bool {
		r, err := http.Get("http://" + address + "/-/ready") //nolint:noctx // it is on this machine
		if err != nil {
			return false
		}
		return r.Body.Close() == nil && r.StatusCode == http.StatusOK
	})
	return &watching{t, "http://" + address}
}

// ask decodes what Prometheus answers.
func (w *watching) ask(path string, data any) {
	w.t.Helper()
	r, err := http.Get(w.url + "/api/v1/" + path) //nolint:noctx // it is on this machine
	require.NoError(w.t, err)
	defer r.Body.Close() //nolint:errcheck // it was read
	answer := struct {
		Status string
		Error  string
		Data   any
	}{Data: data}
	require.NoError(w.t, json.NewDecoder(r.Body).Decode(&answer))
	require.Equal(w.t, "success", answer.Status, "%s: %s", path, answer.Error)
}

// values returns the numbers of a query, which must be well formed.
func (w *watching) values(expr string) (all []float64) {
	w.t.Helper()
	var data struct {
		Result []struct{ Value [2]any }
	}
	w.ask("query?query="+url.QueryEscape(expr), &data)
	for _, r := range data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		require.NoError(w.t, err)
		if !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	return all
}

// states returns the state of each alert: inactive, pending, firing or, before it was
// evaluated, unknown.
func (w *watching) states() map[string]string {
	w.t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, State, Health, LastError string }
		}
	}
	w.ask("rules?type=alert", &data)
	all := map[string]string{}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			require.Empty(w.t, r.LastError, r.Name)
			all[r.Name] = r.State
			if r.Health != "ok" {
				all[r.Name] = "unknown"
			}
		}
	}
	return all
}

// A rider sends requests to a service.
type rider struct {
	t   *testing.T
	url string
	n   int
}

// send sends a request of a user and returns the answer.
func (r *rider) send(method, path, user, body string) (status int, answer map[string]any) {
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	q.Header.Set("Authorization", "Bearer "+user)
	q.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	text, _ := io.ReadAll(response.Body)
	_ = json.Unmarshal(text, &answer)
	return response.StatusCode, answer
}

// round holds two seats, of which one is booked and the other runs out, tries for one that
// is taken, and looks at all.
func (r *rider) round() {
	const event = "/v1/events/bus"
	r.n++
	user := fmt.Sprintf("user%d", r.n)
	_, hold := r.send("POST", event+"/block-any", user, `{"n":1,"ttl_ms":1000}`)
	if r.n%4 == 0 {
		if status, _ := r.send("POST", event+"/book", user, fmt.Sprintf(`{"token":%q}`, hold["token"])); status == http.StatusCreated {
			seats, _ := hold["seats"].([]any)
			r.send("POST", event+"/block", user, fmt.Sprintf(`{"seats":[%q],"ttl_ms":1000}`, seats[0]))
		}
	}
	r.send("GET", event+"/seats?limit=10", user, "")
}

// until sends rounds of requests until something is so.
func (r *rider) until(so func() bool, what string, args ...any) {
	r.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !so(); {
		require.True(r.t, time.Now().Before(deadline), "not seen: %s", fmt.Sprintf(what, args...))
		r.round()
	}
}

// seenByTests are the alerts whose faults this test does not provoke. That they fire is what
// prometheus/alerts_test.yaml tests; here their queries must have data.
var seenByTests = []string{"RedbusPanics", "RedbusStreamsRefused", "RedbusGoroutinesLeak", "RedbusDescriptorsLeak", "RedbusSweepBehind"}

// A real Prometheus scrapes a real service: each panel of the dashboard shows something, and
// alerts fire when the store stops, is killed, when a user asks too often, and when the
// service has gone.
func TestPrometheusSeesTheServiceAndItsFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	testkit.Program(t, "prometheus")
	store := &redis{t: t, dir: t.TempDir()}
	store.start()
	serve := testkit.Command(t, filepath.Join(build(t), "redbus"), "serve", "-addr", "127.0.0.1:0", "-metrics", "127.0.0.1:0",
		"-store", "redis://"+store.address, "-seats", "1000")
	var log strings.Builder
	serve.Stderr = &log
	said, err := serve.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, serve.Start())
	lines := bufio.NewReader(said)
	first := func() *url.URL {
		line, err := lines.ReadString('\n')
		if err != nil {
			_ = serve.Wait()
			require.NoError(t, err, log.String())
		}
		word, _, _ := strings.Cut(line, " ")
		u, err := url.Parse(word)
		require.NoError(t, err)
		return u
	}
	users := &rider{t: t, url: first().String()}
	prometheus := startPrometheus(t, config(t, t.TempDir(), first().Host))
	stream, err := http.Get(users.url + "/v1/events/bus/changes") //nolint:noctx // it ends with the service
	require.NoError(t, err)
	defer stream.Body.Close() //nolint:errcheck // it has ended

	healthy := func(expr string) string {
		return strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(expr)
	}
	var whenFaulty []string
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			expr := healthy(target.Expr)
			if strings.HasSuffix(expr, " > 0") {
				assert.Empty(t, prometheus.values(expr), p.Title)
				whenFaulty = append(whenFaulty, expr)
				continue
			}
			users.until(func() bool { return len(prometheus.values(expr)) > 0 }, "%s: %s", p.Title, expr)
		}
	}
	assert.NotEmpty(t, whenFaulty)
	rules := alerts(t)
	for _, a := range rules {
		if a.Alert == "RedbusSlow" { // this machine may be
			continue
		}
		users.until(func() bool { return prometheus.states()[a.Alert] == "inactive" }, "%s is inactive", a.Alert)
	}
	left := map[string]bool{}
	for _, a := range rules {
		left[a.Alert] = true
	}
	for _, name := range seenByTests {
		require.True(t, left[name])
		delete(left, name)
		for _, a := range rules {
			if a.Alert == name {
				measure := a.Expr[:strings.LastIndex(a.Expr, ">")]
				assert.NotEmpty(t, prometheus.values(measure), name)
			}
		}
	}
	fire := func(names ...string) {
		t.Helper()
		for _, name := range names {
			users.until(func() bool { return prometheus.states()[name] == "firing" }, "%s fires", name)
			delete(left, name)
		}
	}

	// The store stops while many ask.
	require.NoError(t, store.process.Process.Signal(syscall.SIGSTOP))
	var many sync.WaitGroup
	for i := range 50 {
		many.Go(func() {
			users.send("POST", "/v1/events/bus/block", fmt.Sprintf("late%d", i), `{"seats":["1"],"ttl_ms":1000}`)
		})
	}
	many.Wait()
	require.NoError(t, store.process.Process.Signal(syscall.SIGCONT))
	fire("RedbusOutcomeUnknown", "RedbusSlow")

	// A user asks too often.
	users.until(func() bool {
		for range 200 {
			users.send("GET", "/v1/events/bus", "eager", "")
		}
		return prometheus.states()["RedbusLimitsRefuseMuch"] == "firing"
	}, "RedbusLimitsRefuseMuch fires")
	fire("RedbusLimitsRefuseMuch")

	// The store is killed, and comes back.
	require.NoError(t, store.process.Process.Kill())
	fire("RedbusStoreUnavailable", "RedbusNotReady", "RedbusNoneReady", "RedbusErrors")
	for _, expr := range whenFaulty {
		users.until(func() bool { return len(prometheus.values(expr)) > 0 }, "%s", expr)
	}
	_, port, _ := net.SplitHostPort(store.address)
	again := store.command(port)
	require.NoError(t, again.Start())
	for _, name := range []string{"RedbusNotReady", "RedbusNoneReady"} {
		users.until(func() bool { return prometheus.states()[name] == "inactive" }, "%s ends", name)
	}

	// The service ends.
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, serve.Process.Signal(syscall.SIGTERM))
	_ = serve.Wait()
	fire("RedbusDown")
	assert.Empty(t, left, "alerts that nobody has seen")
	_ = again.Process.Kill()
	_ = again.Wait()
}

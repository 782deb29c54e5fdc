package page_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	browserlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/redbus/service"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/task"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// startBrowser starts Chromium, which ends with the test. A start is tried three times:
// on a machine that is busy it can fail.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	program := testkit.Program(t, "chromium")
	for try := 1; ; try++ {
		var output lockedBuffer
		options := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(program),
			chromedp.NoSandbox, // which root must say; the pages are ours
			chromedp.DisableGPU,
			chromedp.CombinedOutput(&output),
			chromedp.WSURLReadTimeout(patience),
		)
		allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
		browser, cancel := chromedp.NewContext(allocated, chromedp.WithErrorf(t.Logf))
		late := time.AfterFunc(patience, cancel)
		err := chromedp.Do(browser)
		if late.Stop() && err == nil {
			t.Cleanup(func() {
				if err := chromedp.Cancel(browser); err != nil {
					t.Logf("the end of the browser: %v", err)
				}
				cancel()
				end()
			})
			return browser
		}
		cancel()
		end()
		if try == 3 {
			t.Fatalf("%s does not start: %v\n%s", program, err, output.String())
		}
	}
}

// A lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A site is an address that stays, before services that come and go.
type site struct {
	t     *testing.T
	url   string
	proxy *httptest.Server

	mu     sync.Mutex
	behind *url.URL      // nil while there is no service
	lose   int           // how many answers to POST are lost
	late   chan struct{} // if there is one, who asks for the seats waits until it is closed
	asked  []http.Header // of each POST
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			s.mu.Lock()
			late := s.late
			s.mu.Unlock()
			if late != nil && strings.HasSuffix(r.In.URL.Path, "/seats") {
				select {
				case <-late:
				case <-r.In.Context().Done():
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.behind == nil {
				panic(http.ErrAbortHandler)
			}
			r.SetURL(s.behind)
			if r.In.Method == http.MethodPost {
				s.asked = append(s.asked, r.In.Header.Clone())
			}
		},
		ModifyResponse: func(r *http.Response) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if r.Request.Method == http.MethodPost && s.lose > 0 {
				s.lose--
				return fmt.Errorf("lost")
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	s.proxy = httptest.NewServer(proxy)
	s.url = s.proxy.URL
	t.Cleanup(func() {
		s.proxy.CloseClientConnections()
		s.proxy.Close()
		transport.CloseIdleConnections()
	})
	return s
}

// serve begins a service behind the address, and returns what ends it.
func (s *site) serve(o service.Options) (stop func()) {
	s.t.Helper()
	o.Event = "bus"
	o.Timeout, o.ClientTimeout, o.Grace = patience, patience, patience
	o.PerUser = limit.RateOptions{Events: 1000, Burst: 100_000}
	var config net.ListenConfig
	listener, err := config.Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := task.Go(context.Background(), func(context.Context) (struct{}, error) {
		return struct{}{}, service.New(o).Serve(ctx, listener)
	})
	s.set(&url.URL{Scheme: "http", Host: listener.Addr().String()})
	stop = sync.OnceFunc(func() {
		s.set(nil)
		cancel()
		s.proxy.CloseClientConnections()
		_, err := served.Join(context.Background())
		assert.NoError(s.t, err)
	})
	s.t.Cleanup(stop)
	return stop
}

func (s *site) set(behind *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = behind
}

// keys returns the Idempotency-Key of each POST.
func (s *site) keys() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.asked {
		keys = append(keys, h.Get("Idempotency-Key"))
	}
	return keys
}

// newStore returns a store with an event bus of the layout.
func newStore(t *testing.T, l seatmap.Layout) seatmap.Store {
	t.Helper()
	store := seatmap.NewMap(seatmap.MapOptions{})
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "bus", Layout: l})
	require.NoError(t, err)
	return store
}

// A tab is a page of one user, who shares nothing with the others.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	messages []string // of the console, and exceptions
	refused  []string // what the browser says of requests that fail or are refused
}

// openTab opens a page and waits until it is there.
func openTab(t *testing.T, browser context.Context, address string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	p := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("the end of the tab: %v", err)
		}
		cancel()
	})
	require.NoError(t, chromedp.Do(ctx))
	require.NoError(t, chromedp.Listen(ctx, p.listen))
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(address)))
	p.wait(`document.readyState === "complete" && document.title !== "Seats"`)
	return p
}

// enter opens a page and says who the user is.
func enter(t *testing.T, browser context.Context, address, user string) *tab {
	t.Helper()
	p := openTab(t, browser, address)
	p.do(fmt.Sprintf(`document.querySelector("#name").value = %q`, user))
	p.click("#who button")
	p.live()
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		for _, a := range e.Args {
			p.messages = append(p.messages, fmt.Sprintf("%s: %s %s", e.Type, a.Value, a.Description))
		}
	case *runtime.EventExceptionThrown:
		p.messages = append(p.messages, fmt.Sprintf("%+v %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *browserlog.EventEntryAdded:
		if text := fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL); e.Entry.Source == "network" {
			p.refused = append(p.refused, text)
		} else {
			p.messages = append(p.messages, text)
		}
	}
}

// quiet asserts that the page wrote nothing to the console, and that the browser did not
// for it, except for requests, if refusals are expected.
func (p *tab) quiet(refusals bool) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	assert.Empty(p.t, p.messages)
	if !refusals {
		assert.Empty(p.t, p.refused)
	}
}

// do carries JavaScript out in the page.
func (p *tab) do(script string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](script)), script)
}

// say returns what JavaScript returns.
func say[T any](p *tab, script string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, script)
	return v
}

// wait waits until JavaScript says true.
func (p *tab) wait(script string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	again := retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(20 * time.Millisecond)})
	err := retry.DoErr(ctx, again, func(context.Context) error {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+script+")"))
		if err == nil && !is {
			err = fmt.Errorf("it is not so yet")
		}
		return err
	})
	if err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("waited for %s: %v\nthe page says:\n%s\nthe console says: %q", script, err, text, p.messages)
	}
}

// live waits until the changes of the event come.
func (p *tab) live() {
	p.t.Helper()
	p.wait(`document.querySelector("#line").dataset.line === "on"`)
}

// click clicks on what can be seen.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.querySelector(%q)?.offsetParent`, selector))
	p.do(fmt.Sprintf(`document.querySelector(%q).click()`, selector))
}

// hold presses the button that holds what is chosen, once it can be.
func (p *tab) hold() {
	p.t.Helper()
	p.wait(`document.querySelector("#hold").getAttribute("aria-disabled") === "false"`)
	p.click("#hold")
}

// choose clicks on seats.
func (p *tab) choose(seats ...string) {
	p.t.Helper()
	for _, seat := range seats {
		p.click(fmt.Sprintf("[data-seat=%q]", seat))
	}
}

// looks waits until a seat looks so.
func (p *tab) looks(seat, look string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector('[data-seat=%q]').dataset.look === %q", seat, look))
}

// news waits until the page tells something.
func (p *tab) news(text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.querySelector("#news").textContent.includes(%q)`, text))
}

// press presses keys.
func (p *tab) press(keys string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.KeyEvent(keys)))
}

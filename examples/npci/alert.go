package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/smtp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/retry"
)

// alert is what people are told.
type alert struct {
	Kind string    `json:"kind"`
	Text string    `json:"text"`
	More int       `json:"more"` // of the same kind, since the last one
	Time time.Time `json:"time"`
}

// alerts tells people what is critical, over a webhook and by mail, one of a
// kind in a while.
type alerts struct {
	webhook, smtp string
	policy        *retry.Policy
	client        *http.Client
	queue         chan alert
	sender        sync.WaitGroup
	stop          context.CancelFunc

	mu         sync.Mutex
	last       map[string]time.Time
	more       map[string]int
	suppressed int
	sent       atomic.Int64
	failed     atomic.Int64
}

const alertWindow = 2 * time.Second

func newAlerts(webhook, mail string) *alerts {
	a := &alerts{
		webhook: webhook, smtp: mail,
		policy: retry.New(retry.Options{
			Attempts: 5, Timeout: 2 * time.Second, MaxDelay: 5 * time.Second,
			Backoff: retry.Exponential(50*time.Millisecond, time.Second).FullJitter(),
		}),
		client: &http.Client{Transport: &http.Transport{}},
		queue:  make(chan alert, 64),
		last:   map[string]time.Time{}, more: map[string]int{},
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.sender.Go(func() {
		for alert := range a.queue {
			if err := a.send(ctx, alert); err != nil {
				a.failed.Add(1)
			} else {
				a.sent.Add(1)
			}
		}
	})
	return a
}

// raise tells people, unless they were told of the same kind a moment ago. It
// does not wait.
func (a *alerts) raise(kind, text string) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.last[kind]) < alertWindow {
		a.more[kind]++
		a.suppressed++
		return
	}
	select {
	case a.queue <- alert{kind, text, a.more[kind], now}:
		a.last[kind], a.more[kind] = now, 0
	default:
		a.more[kind]++
		a.suppressed++
	}
}

func (a *alerts) counts() (sent, suppressed int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int(a.sent.Load()), a.suppressed
}

func (a *alerts) send(ctx context.Context, alert alert) error {
	body, err := json.Marshal(alert)
	if err != nil {
		return err
	}
	err = retry.DoErr(ctx, a.policy, func(ctx context.Context) error { return a.post(ctx, body) })
	if err != nil || a.smtp == "" {
		return err
	}
	return retry.DoErr(ctx, a.policy, func(ctx context.Context) error { return a.mail(ctx, alert) })
}

func (a *alerts) post(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.webhook, bytes.NewReader(body))
	if err != nil {
		return retry.Permanent(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	switch code := response.StatusCode; {
	case code < 300:
		return nil
	case code == http.StatusTooManyRequests || code >= 500:
		err = fmt.Errorf("webhook: %s", response.Status)
		if d, ok := retry.ParseRetryAfter(response.Header.Get("Retry-After"), time.Now()); ok {
			err = retry.After(d, err)
		}
		return err
	}
	return retry.Permanent(fmt.Errorf("webhook: %s", response.Status))
}

func (a *alerts) mail(ctx context.Context, alert alert) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.smtp)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	client, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := client.Mail("npci@localhost"); err != nil {
		return err
	}
	if err := client.Rcpt("operator@localhost"); err != nil {
		return err
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "From: npci@localhost\r\nTo: operator@localhost\r\nSubject: %s\r\n\r\n%s (and %d more)\r\n",
		alert.Kind, alert.Text, alert.More)
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return client.Quit()
}

// close gives the alerts on their way a moment. Nobody may call raise any more.
func (a *alerts) close() error {
	close(a.queue)
	timer := time.AfterFunc(5*time.Second, a.stop)
	a.sender.Wait()
	timer.Stop()
	a.stop()
	a.client.CloseIdleConnections()
	if n := a.failed.Load(); n > 0 {
		return fmt.Errorf("%d alerts could not be sent", n)
	}
	return nil
}

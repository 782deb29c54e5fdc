package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/smtp"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/task"
)

// alert is what people are told.
type alert struct {
	Kind string    `json:"kind"`
	Text string    `json:"text"`
	More int       `json:"more"` // of the same kind, since the last one
	Time time.Time `json:"time"`
}

// alerts tells people what is critical, over a webhook and by mail, one alert of a
// kind in a window of time.
//
// Payments never wait for people: the channel to the sender is bounded, and an alert
// that finds it full counts as one more of its kind. The next alert of that kind says
// how many there were.
type alerts struct {
	webhook, smtp string
	policy        *retry.Policy
	client        *http.Client
	queue         *channel.Sender[alert]
	sender        *task.Handle[struct{}]
	told          *arcmutex.Mutex[told]
	sent          atomic.Int64
	failed        atomic.Int64
}

// told is what people know already.
type told struct {
	last       map[string]time.Time
	more       map[string]int
	suppressed int
}

const (
	alertWindow = 2 * time.Second
	alertQueue  = 64
	// alertGrace is how long the last alerts may take.
	alertGrace = 5 * time.Second
)

func newAlerts(webhook, mail string) *alerts {
	tx, rx := channel.New[alert](alertQueue)
	a := &alerts{
		webhook: webhook, smtp: mail,
		policy: retry.New(retry.Options{
			Attempts: 5, Timeout: 2 * time.Second, MaxDelay: 5 * time.Second,
			Backoff: retry.Exponential(50*time.Millisecond, time.Second).FullJitter(),
		}),
		client: &http.Client{Transport: &http.Transport{}},
		queue:  tx,
		told:   arcmutex.NewMutex(told{last: map[string]time.Time{}, more: map[string]int{}}).WithName("alerts"),
	}
	a.sender = task.GoErr(context.Background(), func(ctx context.Context) error {
		defer rx.Close()
		// Not with ctx: after an abort, what is left counts as not sent.
		for alert, err := range rx.All(context.Background()) {
			if err != nil {
				return err
			}
			if a.send(ctx, alert) != nil {
				a.failed.Add(1)
			} else {
				a.sent.Add(1)
			}
		}
		return nil
	})
	return a
}

// raise tells people, unless they were told of the same kind a moment ago. It
// does not wait.
func (a *alerts) raise(kind, text string) {
	now := time.Now()
	a.told.With(func(t *told) {
		if now.Sub(t.last[kind]) < alertWindow || a.queue.TrySend(alert{kind, text, t.more[kind], now}) != nil {
			t.more[kind]++
			t.suppressed++
			return
		}
		t.last[kind], t.more[kind] = now, 0
	})
}

func (a *alerts) counts() (sent, suppressed int) {
	a.told.With(func(t *told) { suppressed = t.suppressed })
	return int(a.sent.Load()), suppressed
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

// close gives the alerts on their way a moment, and then aborts them. Nobody may call
// raise any more.
func (a *alerts) close() error {
	a.queue.Close()
	patience, cancel := context.WithTimeout(context.Background(), alertGrace)
	defer cancel()
	end := ""
	_, err := a.sender.Join(patience)
	if patience.Err() != nil {
		end = fmt.Sprintf(": aborted after %v", alertGrace)
		a.sender.Abort(nil)
		_, err = a.sender.Join(context.Background())
	}
	a.client.CloseIdleConnections()
	if n := a.failed.Load(); n > 0 {
		return errors.Join(err, fmt.Errorf("%d alerts could not be sent%s", n, end))
	}
	return err
}

package retry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// wrapped is a call in each form, bare and through each wrapper.
func wrapped() map[string]func(context.Context, *retry.Policy, retry.Op[int]) (int, error) {
	all := map[string]func(context.Context, *retry.Policy, retry.Op[int]) (int, error){}
	for form, do := range forms {
		for name, wrap := range map[string]func(retry.Op[int]) retry.Op[int]{
			"bare": func(op retry.Op[int]) retry.Op[int] { return op },
			"Guarded": func(op retry.Op[int]) retry.Op[int] {
				return retry.Guarded(retry.NewBreaker(retry.BreakerOptions{}), op)
			},
			"Hedged": func(op retry.Op[int]) retry.Op[int] {
				return retry.Hedged(retry.NewHedge(retry.HedgeOptions{Delay: time.Second}), op, nil)
			},
			"Detached": func(op retry.Op[int]) retry.Op[int] {
				return retry.Detached(retry.NewDetach(1), op, nil)
			},
		} {
			all[form+"/"+name] = func(ctx context.Context, p *retry.Policy, op retry.Op[int]) (int, error) {
				return do(ctx, p, wrap(op))
			}
		}
	}
	return all
}

func TestAContextOfASuccessLivesAsLongAsTheCallers(t *testing.T) {
	for name, do := range wrapped() {
		for _, timeout := range []time.Duration{0, time.Minute} {
			for _, asked := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					calls := 0
					var got context.Context
					_, err := do(ctx, retry.New(retry.Options{Timeout: timeout, Backoff: retry.Constant(0)}), func(ctx context.Context) (int, error) {
						if got = ctx; asked {
							_ = ctx.Done()
						}
						if calls++; calls == 1 {
							return 0, errDown
						}
						return 1, nil
					})
					require.NoError(t, err, name)
					_, has := got.Deadline()
					assert.False(t, has, name)
					testkit.Advance(time.Hour)
					require.NoError(t, got.Err(), name)
					cancel(errNeutral)
					<-got.Done()
					assert.Equal(t, context.Canceled, got.Err(), name)
					assert.Equal(t, errNeutral, context.Cause(got), name)
				})
			}
		}
	}
}

func TestAContextOfAFailureEndsWithTheAttempt(t *testing.T) {
	for name, do := range wrapped() {
		for how, fail := range map[string]func(){"error": func() {}, "panic": noReturns["panic"], "goexit": noReturns["goexit"]} {
			synctest.Test(t, func(t *testing.T) {
				var got []context.Context
				apart(func() {
					_, _ = do(t.Context(), retry.New(retry.Options{Timeout: time.Minute, Backoff: retry.Constant(0)}), func(ctx context.Context) (int, error) {
						for _, before := range got {
							assert.Equal(t, context.Canceled, before.Err(), name)
						}
						got = append(got, ctx)
						fail()
						return 0, errDown
					})
				})
				require.NotEmpty(t, got)
				for _, ctx := range got {
					assert.Equal(t, context.Canceled, ctx.Err(), "%s %s", name, how)
					<-ctx.Done()
				}
			})
		}
	}
}

func TestEachCopyOfAHedgeHasAContextOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		var copies [3]context.Context
		var started atomic.Int64
		v, err := retry.Hedged(retry.NewHedge(retry.HedgeOptions{Delay: time.Second, Copies: 3}), func(ctx context.Context) (int, error) {
			n := int(started.Add(1))
			copies[n-1] = ctx //nolint:fatcontext // they do not nest
			switch n {
			case 1: // a loser
				<-ctx.Done()
				return 0, context.Cause(ctx)
			case 2: // fails before the end
				pass(time.Second / 2)
				return 0, errDown
			}
			return n, nil
		}, nil)(ctx)
		require.NoError(t, err)
		assert.Equal(t, 3, v)
		assert.EqualError(t, context.Cause(copies[0]), "retry: another copy of the call was first")
		assert.Equal(t, context.Canceled, context.Cause(copies[1]), "it failed before the race was over")
		testkit.Advance(time.Hour)
		require.NoError(t, copies[2].Err())
		cancel(errNeutral)
		assert.Equal(t, errNeutral, context.Cause(copies[2]))
	})
}

func TestTheBodyOfAResponseIsReadAfterDoHasReturned(t *testing.T) {
	for name, hedged := range map[string]bool{"Do": false, "Hedged": true} {
		t.Run(name, func(t *testing.T) {
			goOn := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
				<-goOn
				_, _ = io.WriteString(w, "the whole body")
			}))
			defer server.Close()
			client := server.Client()
			op := func(ctx context.Context) (*http.Response, error) {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
				if err != nil {
					return nil, err
				}
				return client.Do(request)
			}
			if hedged {
				op = retry.Hedged(retry.NewHedge(retry.HedgeOptions{Delay: time.Hour}), op, nil)
			}
			response, err := retry.Do(t.Context(), retry.New(retry.Options{Timeout: time.Hour}), op)
			require.NoError(t, err)
			close(goOn)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.Equal(t, "the whole body", string(body))
			require.NoError(t, response.Body.Close())
		})
	}
}

// registry is a context that counts what is registered with it.
type registry struct {
	context.Context
	now, ever atomic.Int64
}

func (r *registry) Value(any) any { return nil } // so that package context asks for AfterFunc

func (r *registry) AfterFunc(f func()) (stop func() bool) {
	r.now.Add(1)
	r.ever.Add(1)
	inner := context.AfterFunc(r.Context, f)
	var once atomic.Bool
	return func() bool {
		if once.CompareAndSwap(false, true) {
			r.now.Add(-1)
		}
		return inner()
	}
}

func TestNothingStaysRegisteredWithTheCallersContext(t *testing.T) {
	for name, do := range wrapped() {
		parent, cancel := context.WithCancel(context.Background())
		r := &registry{Context: parent}
		p := retry.New(retry.Options{Attempts: 2, Timeout: time.Hour, Backoff: retry.Constant(0)})
		for _, err := range []error{nil, errDown} {
			for range 100 {
				_, _ = do(r, p, func(ctx context.Context) (int, error) { return 1, errors.Join(ctx.Err(), err) })
			}
		}
		if !strings.HasSuffix(name, "/Detached") { // which asks for Done
			assert.Zero(t, r.ever.Load(), name)
		}
		for range 100 {
			_, _ = do(r, p, func(ctx context.Context) (int, error) { _ = ctx.Done(); return 1, errDown })
		}
		for range 100 {
			_, _ = do(r, p, func(ctx context.Context) (int, error) { _ = ctx.Done(); return 1, nil })
		}
		for r.now.Load() > 0 { // a test that hangs here has found a leak
			runtime.GC()
			runtime.Gosched()
		}
		assert.NotZero(t, r.ever.Load(), name)
		cancel()
	}
}

func BenchmarkTimeout(b *testing.B) {
	p := retry.New(retry.Options{Timeout: time.Second})
	for name, op := range map[string]retry.Op[int]{
		"ignored": func(context.Context) (int, error) { return 1, nil },
		"done":    func(ctx context.Context) (int, error) { _ = ctx.Done(); return 1, nil },
		"failed":  func(ctx context.Context) (int, error) { _ = ctx.Done(); return 1, retry.Permanent(errDown) },
	} {
		b.Run("context="+name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = retry.Do(ctx, p, op)
			}
		})
	}
}

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/examples/internal/checked"
)

func TestMain(m *testing.M) { checked.Main(m) }

// A slowWriter is a client that reads when it is let.
type slowWriter struct {
	*httptest.ResponseRecorder
	let chan struct{}
}

func (w slowWriter) Write(p []byte) (int, error) {
	<-w.let
	return w.ResponseRecorder.Write(p)
}

func TestASlowClientIsToldWhatItMissedAndGetsTheRestAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub(4, "open")
		w, over := slowWriter{httptest.NewRecorder(), make(chan struct{})}, make(chan struct{})
		go func() {
			defer close(over)
			hub.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil))
		}()
		synctest.Wait()
		for _, text := range []string{"0 is one ahead", "1", "2", "3", "4", "5", "two\nlines"} {
			require.NoError(t, hub.Publish(text))
			require.NoError(t, hub.SetState("after "+text))
			synctest.Wait()
		}
		require.NoError(t, hub.SetState("closing"))
		hub.Close()
		require.ErrorIs(t, hub.Publish("late"), channel.ErrClosed)
		require.ErrorIs(t, hub.SetState("late"), channel.ErrClosed)
		close(w.let)
		<-over
		got := w.Body.String()
		messages := strings.Join([]string{
			"id: 1\nevent: message\ndata: 0 is one ahead\n", "event: lagged\ndata: 2\n", "id: 4\nevent: message\ndata: 3\n",
			"id: 5\nevent: message\ndata: 4\n", "id: 6\nevent: message\ndata: 5\n", "id: 7\nevent: message\ndata: two\ndata: lines\n",
		}, "\n")
		states := got
		for event := range strings.SplitSeq(messages, "\n\n") {
			before, after, found := strings.Cut(states, strings.TrimSuffix(event, "\n")+"\n\n")
			assert.True(t, found, "%q in order in %q", event, got)
			states = before + after
		}
		assert.True(t, strings.HasPrefix(states, "event: state\ndata: open\n\n"))
		assert.True(t, strings.HasSuffix(states, "event: state\ndata: closing\n\n"))
		late := httptest.NewRecorder()
		hub.ServeHTTP(late, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		assert.Equal(t, http.StatusServiceUnavailable, late.Code)
	})
}

func TestClientsGetAllOverTheNetwork(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-messages=50", "-clients=2"}, &out))
	assert.Contains(t, out.String(), "all saw the last state")
}

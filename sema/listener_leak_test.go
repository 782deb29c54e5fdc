package sema_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit/handles"
	"github.com/coderrange/ferrous/sema"
)

func TestAListenerThatIsNotClosedIsALeak(t *testing.T) {
	var n sema.Notify
	assert.Empty(t, handles.Leaked(func() { n.Listen().Close() }))
	var l *sema.Listener
	leaks := handles.Leaked(func() { l = n.Listen() })
	require.Len(t, leaks, 1)
	assert.Contains(t, leaks[0], "1 sema.Listener not ended")
	assert.Contains(t, leaks[0], "TestAListenerThatIsNotClosedIsALeak")
	l.Close()
}

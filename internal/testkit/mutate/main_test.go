package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The bounds of Clamp and Longer may move without a difference. All else is noticed.
func TestSurvivorsAreFound(t *testing.T) {
	var out strings.Builder
	survivors, err := mutate(t.Context(), func(format string, a ...any) { fmt.Fprintf(&out, format, a...) }, []string{"./testdata/sample"})
	require.NoError(t, err)
	assert.Equal(t, 4, survivors)
	assert.Contains(t, out.String(), "sample.go:6\toff by one or other operator\tv < low\n")
	assert.Contains(t, out.String(), "sample.go:9\toff by one or other operator\tv > high\n")
	assert.Contains(t, out.String(), "sample.go:28\tone more\t3\n")
	assert.Contains(t, out.String(), "sample.go:28\toff by one or other operator\tsecond() > 3\n")
	assert.Contains(t, out.String(), " fail a test, 0 hang, 4 survive")
}

package redisseat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestABlockMakesNoFunctions unless it finds holds that are due.
func TestABlockMakesNoFunctions(t *testing.T) {
	before, rest, due := strings.Cut(head, "if #due > 0 then\n")
	require.True(t, due)
	require.NotContains(t, before, "function ")
	require.True(t, strings.HasSuffix(rest, "\nend\n"))
	require.Equal(t, head+blockText, blockScript.text)
	require.NotContains(t, blockText, "function ")
}

func TestAScriptHasTheFunctionsThatItUsesInTheirOrder(t *testing.T) {
	text := withFunctions("vacate = taking()")
	last := -1
	for _, name := range []string{"text", "changed", "save", "set", "has", "owns", "taking"} {
		at := strings.Index(text, "local function "+name+"(")
		require.Greater(t, at, last, name)
		last = at
	}
	for _, name := range []string{"ofLife", "record", "load", "hold", "repeated", "remember"} {
		require.NotContains(t, text, "function "+name+"(")
	}
}

package testkit_test

import (
	"bufio"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestAChildIsToldItsValueAndHeardToItsEnd(t *testing.T) {
	if value, ok := testkit.InChild(); ok {
		fmt.Println("value", value)
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Println("heard", lines.Text())
			fmt.Println("and goes on")
		}
		return
	}
	t.Run("as a subtest", func(t *testing.T) {
		c := testkit.StartChild(t, "a=b c")
		assert.Equal(t, "value a=b c", c.Line())
		_, err := fmt.Fprintln(c.In, "one")
		require.NoError(t, err)
		assert.Equal(t, "heard one", c.Line())
		var heard []string
		for line, ok := c.Next(); ok; line, ok = c.Next() {
			heard = append(heard, line)
			if len(heard) == 1 {
				c.Kill(func(line string) { heard = append(heard, line) })
				break
			}
		}
		assert.Equal(t, []string{"and goes on"}, heard)
		assert.False(t, c.ProcessState.Success())
	})
	c := testkit.StartChild(t, "")
	assert.Equal(t, "value ", c.Line())
	require.NoError(t, c.In.Close())
	for _, ok := c.Next(); ok; _, ok = c.Next() { // such as PASS
	}
	require.NoError(t, c.Wait())
	_, ok := testkit.InChild()
	assert.False(t, ok)
}

package program

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sample has a flag of each kind.
func sample() *Flags {
	f := NewFlags("sample", "sample [flags]")
	f.Int(new(int), "int", 3, 1, 10, "an int")
	f.Int64(new(int64), "long", 3, -10, math.MaxInt64, "a long")
	f.Share(new(float64), "share", 0.5, "a share")
	f.Duration(new(time.Duration), "time", time.Second, time.Hour, "a time")
	f.OneOf(new(string), "word", "a", []string{"a", "b"}, "a word")
	f.Path(new(string), "file", "x", "a file")
	return f
}

func TestABadFlagIsNamedWithItsRange(t *testing.T) {
	for arg, text := range map[string]string{
		"-int=0":                     "-int 0 is not 1 to 10",
		"-int=11":                    "-int 11 is not 1 to 10",
		"-int=-9223372036854775808":  "-int -9223372036854775808 is not 1 to 10",
		"-int=99999999999999999999":  `invalid value "99999999999999999999" for flag -int: value out of range`,
		"-int=x":                     `invalid value "x" for flag -int: parse error`,
		"-int":                       "flag needs an argument: -int",
		"-long=-11":                  "-long -11 is not -10 to 9223372036854775807",
		"-share=NaN":                 "-share NaN is not 0 to 1",
		"-share=-0.1":                "-share -0.1 is not 0 to 1",
		"-share=+Inf":                "-share +Inf is not 0 to 1",
		"-share=1.1":                 "-share 1.1 is not 0 to 1",
		"-time=0s":                   "-time 0s is not above 0 and at most 1h0m0s",
		"-time=-1ns":                 "-time -1ns is not above 0 and at most 1h0m0s",
		"-time=2562047h":             "-time 2562047h0m0s is not above 0 and at most 1h0m0s",
		"-word=c":                    `-word "c" is not one of a, b`,
		"-file=":                     `-file "" is not the name of a file`,
		"-nonsense":                  "flag provided but not defined: -nonsense",
		"stray":                      `unexpected argument "stray"`,
		"-int=1\n2":                  `invalid value "1\n2" for flag -int: parse error`,
		"--\nstray":                  "",
		"-share=0x1p-2000000000000a": "for flag -share: parse error",
	} {
		goOn, err := sample().Parse([]string{arg}, new(strings.Builder))
		var usage *UsageError
		require.ErrorAs(t, err, &usage, arg)
		require.ErrorContains(t, err, text)
		assert.NotContains(t, err.Error(), "\n", "one line")
		assert.False(t, goOn)
	}
}

func TestGoodFlagsGoOn(t *testing.T) {
	for _, args := range []string{"", "-int=1 -share=0 -time=1ns -word=b", "-int=10 -share=1 -time=1h", "-long=-10"} {
		goOn, err := sample().Parse(strings.Fields(args), new(strings.Builder))
		require.NoError(t, err)
		assert.True(t, goOn)
	}
}

func TestHelpNamesEveryFlagAndGoesNoFurther(t *testing.T) {
	var out strings.Builder
	goOn, err := sample().Parse([]string{"-h"}, &out)
	require.NoError(t, err)
	assert.False(t, goOn)
	assert.True(t, strings.HasPrefix(out.String(), "Usage: sample [flags]\n"))
	for _, name := range []string{"int", "long", "share", "time", "word", "file"} {
		assert.Contains(t, out.String(), "  -"+name)
	}
}

func TestACommandTakesMore(t *testing.T) {
	f := sample()
	goOn, err := f.ParseCommand([]string{"-int=2", "add", "x"}, new(strings.Builder))
	require.NoError(t, err)
	assert.True(t, goOn)
	assert.Equal(t, []string{"add", "x"}, f.Args())
}

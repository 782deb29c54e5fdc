package limithttp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/limit/limithttp"
)

// none says that a field says nothing.
const none = -1

func TestRateLimitFieldsAreRead(t *testing.T) {
	for field, want := range map[string][2]int64{
		`"default";r=50;t=30`:                          {50, 30}, // those of the draft
		`"default";r=999;pk=:dHJpYWwxMjEzMjM=:`:        {none, 0},
		`"default";r=300000000;t=60;pk=:QXBwLTk5OQ==:`: {300000000, 60},
		`"a";r=5;t=1, "b";r=3;t=60`:                    {3, 60},
		`"a";r=5;t=1|"b";r=3;t=60`:                     {3, 60}, // in two fields
		`"a";r=3;t=1,"b";r=3;t=60,"c";r=3;t=2`:         {3, 60},
		`"a";r=5;t=1, "b"`:                             {5, 1},
		`a;t=1;r=5`:                                    {5, 1}, // a Token, as older drafts had it
		`"a";  r=5; t=1`:                               {5, 1},
		`"a";r=5;t=1;r=6`:                              {6, 1},
		`"a";r=5;t=1;x;y=?1;z=1.5;*k=-7;v="\"\\"`:      {5, 1},
		`"a;r=1;t=1";r=5;t=1`:                          {5, 1},
		`"a";r=0;t=0`:                                  {0, 0},
		`1;r=5;t=1`:                                    {5, 1},
		`"a";r=-1;t=1`:                                 {none, 0},
		`"a";r="5";t=1`:                                {none, 0},
		`"a";r=5.0;t=1`:                                {none, 0},
		`"a";r;t=1`:                                    {none, 0},
		``:                                             {none, 0},
		`"a";r=5;t=1,`:                                 {none, 0},
		`,"a";r=5;t=1`:                                 {none, 0},
		`"a";r=5;t=1 "b";r=3;t=60`:                     {none, 0},
		`"a;r=5;t=1`:                                   {none, 0},
		`"a\n";r=5;t=1`:                                {none, 0},
		"\"a\x80\";r=5;t=1":                            {none, 0},
		`"a";r=5;t=1;`:                                 {none, 0},
		`"a";R=5;t=1`:                                  {none, 0},
		`"a";r=5;t=1;x=`:                               {none, 0},
		`"a";r=5;t=1;x=?2`:                             {none, 0},
		`"a";r=5;t=1;x=?`:                              {none, 0},
		`"a";r=5;t=1;x=:a b:`:                          {none, 0},
		`"a";r=5;t=1;x=:ab`:                            {none, 0},
		`"a";r=5;t=1;x=-`:                              {none, 0},
		`"a";r=5;t=1;x=1.`:                             {none, 0},
		`"a";r=5;t=1;x=1.2345`:                         {none, 0},
		`"a";r=1234567890123456;t=1`:                   {none, 0},
		`("a" "b");r=5;t=1`:                            {none, 0},
		`100`:                                          {none, 0},
	} {
		left, window, ok := limithttp.ParseRateLimit(strings.Split(field, "|"))
		if want[0] == none {
			assert.False(t, ok, field)
			continue
		}
		assert.True(t, ok, field)
		assert.Equal(t, want, [2]int64{left, int64(window / time.Second)}, field)
	}
}

func FuzzParseRateLimit(f *testing.F) {
	f.Add(`"default";r=50;t=30`)
	f.Add(`"a";r=5;t=1;x;y=?1;z=1.5;*k=-7;v="\"\\", b;pk=:QXBwLTk5OQ==:`)
	f.Add(`"a";r=5;t=1,`)
	f.Fuzz(func(t *testing.T, field string) {
		left, window, ok := limithttp.ParseRateLimit([]string{field})
		if !ok {
			return
		}
		assert.GreaterOrEqual(t, left, int64(0))
		assert.GreaterOrEqual(t, window, time.Duration(0))
		_, _, ok = limithttp.ParseRateLimit([]string{field, `"z";r=0;t=1`})
		assert.True(t, ok, "a good field after a good one")
		_, _, ok = limithttp.ParseRateLimit([]string{field, `(`})
		assert.False(t, ok)
	})
}

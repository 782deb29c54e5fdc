package retry_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

func TestAYearOfTwoDigitsIsAtMostFiftyYearsAhead(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Time{
		"Sunday, 01-Mar-26 12:00:10 GMT":   now.Add(10 * time.Second),
		"Sunday, 01-Mar-76 12:00:00 GMT":   time.Date(2076, 3, 1, 12, 0, 0, 0, time.UTC),
		"Monday, 01-Mar-76 12:00:01 GMT":   {}, // more than 50 years ahead: 1976
		"Sunday, 06-Nov-94 08:49:37 GMT":   {},
		"Saturday, 01-Jan-69 00:00:00 GMT": time.Date(2069, 1, 1, 0, 0, 0, 0, time.UTC),
		"Sunday, 01-Mar-25 12:00:00 GMT":   {},
	} {
		got, ok := retry.ParseRetryAfter(value, now)
		require.True(t, ok, value)
		if want.IsZero() {
			want = now
		}
		assert.Equal(t, want.Sub(now), got, value)
	}
	then := time.Date(2095, 6, 1, 0, 0, 0, 0, time.FixedZone("", -3600))
	got, ok := retry.ParseRetryAfter("Friday, 01-Jan-10 00:00:00 GMT", then)
	assert.True(t, ok)
	assert.Equal(t, time.Date(2110, 1, 1, 0, 0, 0, 0, time.UTC).Sub(then), got)
}

// FuzzParseRetryAfter compares with net/http's ParseTime. It differs for the
// form of RFC 850: net/http takes any zone, and knows no present for a year of
// two digits.
func FuzzParseRetryAfter(f *testing.F) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, value := range []string{
		"", "0", "-1", "120", "99999999999999999999", "1e309", "NaN", "Inf", "-Inf", "0x1p4", "１２", "1.5", " 7 ",
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"Sun, 06 Nov 2094 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 PST", "Thursday, 29-Feb-68 23:59:60 GMT",
		"sun, 06 nov 2094 08:49:37.5 gmt", "Fri, 31 Dec 9999 23:59:59 GMT",
	} {
		f.Add(value, now.Unix())
	}
	f.Fuzz(func(t *testing.T, value string, unix int64) {
		now := time.Unix(unix%(1<<36), 0) // years -208 to 4147
		got, ok := retry.ParseRetryAfter(value, now)
		if got < 0 || !ok && got != 0 {
			t.Fatalf("%q: %v, %v", value, got, ok)
		}
		trimmed := strings.TrimSpace(value)
		date, err := http.ParseTime(trimmed)
		switch {
		case err != nil:
			if digits := strings.TrimPrefix(trimmed, "-"); ok && (digits == "" || strings.Trim(digits, "0123456789") != "") {
				t.Fatalf("%q is %v, and neither a date nor a number", value, got)
			}
		case strings.Contains(trimmed, "-"): // RFC 850
			if !ok {
				if strings.HasSuffix(trimmed, "GMT") {
					t.Fatalf("%q: net/http reads %v", value, date)
				}
				return
			}
			if at := now.Add(got); at.After(now.AddDate(50, 0, 1)) {
				t.Fatalf("%q: %v is more than 50 years after %v", value, at, now)
			} else if got > 0 && (at.UTC().Year()-date.Year())%100 != 0 {
				t.Fatalf("%q: %v, but net/http reads %v", value, at, date)
			}
		default:
			if want := max(date.Sub(now), 0); !ok || got != want {
				t.Fatalf("%q: %v, %v instead of %v", value, got, ok, want)
			}
		}
	})
}

// TestTheDependenciesAreFew keeps the network out of programs that only retry.
func TestTheDependenciesAreFew(t *testing.T) {
	list := func(args ...string) []string {
		out, err := testkit.Command(t, "go", append([]string{"list"}, args...)...).Output()
		require.NoError(t, err, "go list")
		return strings.Fields(string(out))
	}
	for _, dependency := range list("-deps", ".") {
		for _, prefix := range []string{"net", "crypto", "mime", "compress", "vendor", "os/exec"} {
			assert.False(t, dependency == prefix || strings.HasPrefix(dependency, prefix+"/"), "retry depends on %s", dependency)
		}
		if strings.Contains(strings.Split(dependency, "/")[0], ".") {
			assert.True(t, strings.HasPrefix(dependency, "github.com/coderrange/ferrous/") || dependency == "go.uber.org/atomic",
				"retry depends on %s", dependency)
		}
	}
}

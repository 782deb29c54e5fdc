package redisseat_test

import (
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// calls256 makes 256 goroutines call.
func calls256(b *testing.B, call func(i int64) error) {
	var next atomic.Int64
	b.SetParallelism((256 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(next.Add(1) - 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkKeyedBlocks blocks one seat in each call, with a key, in one event. Server and
// callers share the machine. Floor is a script that makes the same calls of Redis and
// decides nothing.
func BenchmarkKeyedBlocks(b *testing.B) {
	b.Run("impl=ours", func(b *testing.B) {
		s := startServer(b, "--appendonly", "no")
		store := open(b, s.options())
		defer func() { require.NoError(b, store.Close()) }()
		const seats = 100_000
		events := 0
		for ; events*seats < b.N; events++ {
			_, err := store.Create(b.Context(), seatmap.CreateRequest{
				Event: strconv.Itoa(events), Layout: seatmap.Layout{Count: seats},
			})
			require.NoError(b, err)
			h, err := store.Block(b.Context(), seatmap.BlockRequest{ // so that the server has the script
				Event: strconv.Itoa(events), User: "ann", Seats: []string{"1"}, TTL: time.Hour,
			})
			require.NoError(b, err)
			_, err = store.Release(b.Context(), seatmap.ReleaseRequest{Token: h.Token})
			require.NoError(b, err)
		}
		defer processor(b, s)()
		calls256(b, func(i int64) error {
			n := strconv.FormatInt(i, 10)
			_, err := store.Block(b.Context(), seatmap.BlockRequest{
				Event: strconv.FormatInt(i/seats, 10), User: "user" + strconv.FormatInt(i%100_000, 10), Key: seatmap.NewKey(n),
				Seats: []string{strconv.FormatInt(i%seats+1, 10)}, TTL: time.Hour,
			})
			return err
		})
	})
	b.Run("impl=floor", func(b *testing.B) {
		s := startServer(b, "--appendonly", "no")
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{s.address}, DisableCache: true, DisableRetry: true,
		})
		require.NoError(b, err)
		defer client.Close()
		script := rueidis.NewLuaScript(floor)
		keys := []string{"{x}e", "{x}s", "{x}r", "{x}d", "{x}u"}
		require.NoError(b, client.Do(b.Context(), client.B().Hset().Key("{x}e").FieldValue().FieldValue("version", "2").FieldValue("life", "0123456789abcdef").
			FieldValue("fixed", strings.Repeat("x", 40)).FieldValue("state", strings.Repeat("x", 24)).FieldValue("stream", "{seatmap:123}w:0123456789abcdef:0").FieldValue("closed", "0").FieldValue("key", "").Build()).Error())
		call := func(i int64) error {
			n := strconv.FormatInt(i, 10)
			return script.Exec(b.Context(), client, append(keys[:5:5], "{x}k"+n), []string{
				n, "Block Seats=0123456789abcdef TTL=0123456789abcdef", "user" + strconv.FormatInt(i%100_000, 10), strconv.FormatInt(i%1_000_000*9, 10),
			}).Error()
		}
		require.NoError(b, call(0)) // so that the server has the script
		defer processor(b, s)()
		calls256(b, call)
	})
}

const floor = `
local E, S, R, D, U, A = unpack(KEYS)
local n = ARGV[1]
redis.call('TIME')
redis.call('HMGET', E, 'version', 'life', 'fixed', 'state', 'stream')
redis.call('HLEN', R)
redis.call('HLEN', U)
redis.call('XLEN', '{x}w')
redis.call('STRLEN', S)
redis.call('ZRANGEBYSCORE', D, '-inf', '0', 'LIMIT', '0', '101')
redis.call('GET', A)
redis.call('GETRANGE', S, ARGV[4], ARGV[4])
redis.call('SETRANGE', S, ARGV[4], 'h12345678')
redis.call('HSET', R, n, '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef')
redis.call('ZADD', D, n, n)
redis.call('HGET', U, ARGV[3])
redis.call('HSET', U, ARGV[3], '0123456789abcdef')
redis.call('SET', A, ARGV[2] .. '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789')
redis.call('HSET', E, 'state', '0123456789abcdef01234567')
redis.call('XADD', '{x}w', 'MAXLEN', '~', '1024', '*', 'p', '1700000000000000', 'k', 'Blocked',
  'u', ARGV[3], 's', '1234', 'f', '1700000000000000', 'a', '1700000000000000', 't', '1700000000000000', 'n', '1700000000000000')
return {'ok', n, ARGV[3], '1700000000000000', '1700000000000000', '1234', '1700000000000000'}
`

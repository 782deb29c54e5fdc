package retry

import "time"

// buckets counts the calls of a period, which passes in tenths.
type buckets struct {
	start time.Time
	width time.Duration
	all   [periodTenths]bucket
}

type bucket struct {
	number          int64 // which tenth of a period since start it counts, from 1; 0 if none
	calls, failures int
}

const periodTenths = 10

func newBuckets(period time.Duration) buckets {
	return buckets{start: time.Now(), width: max(period/periodTenths, 1)}
}

// add counts a call and returns the counts of the period.
func (b *buckets) add(now time.Time, failed bool) (calls, failures int) {
	number := int64(max(now.Sub(b.start), 0)/b.width) + 1
	current := &b.all[number%periodTenths]
	if current.number != number {
		*current = bucket{number: number}
	}
	current.calls++
	if failed {
		current.failures++
	}
	for _, c := range b.all {
		if age := number - c.number; c.number > 0 && 0 <= age && age < periodTenths {
			calls += c.calls
			failures += c.failures
		}
	}
	return calls, failures
}

func (b *buckets) reset() { b.all = [periodTenths]bucket{} }

package main

import (
	"math"
	"math/rand/v2"
	"sort"
)

// exponential returns a random time with the given mean, in whole nanoseconds.
func exponential(r *rand.Rand, mean float64) int64 {
	return int64(-math.Log(1-r.Float64())*mean + 0.5)
}

// zipf draws the numbers 0 to n-1, of which k has the weight 1/(k+1)^skew. If skew is 0,
// all are equally likely.
type zipf struct{ sums []float64 }

func newZipf(n int, skew float64) *zipf {
	z := &zipf{make([]float64, n)}
	sum := 0.0
	for k := range n {
		sum += math.Pow(float64(k+1), -skew)
		z.sums[k] = sum
	}
	return z
}

func (z *zipf) draw(r *rand.Rand) int {
	at := r.Float64() * z.sums[len(z.sums)-1]
	return min(sort.SearchFloat64s(z.sums, at), len(z.sums)-1)
}

// share is the probability of k.
func (z *zipf) share(k int) float64 {
	weight := z.sums[k]
	if k > 0 {
		weight -= z.sums[k-1]
	}
	return weight / z.sums[len(z.sums)-1]
}

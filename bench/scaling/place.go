package main

import (
	"math/rand/v2"
	"slices"
)

// place returns the shard of each event, given the events' shares of the requests, the
// largest first. It is the one with the least load if the events are placed, and else any,
// as if the events' names were hashed.
func place(shares []float64, shards int, placed bool, random *rand.Rand) []int {
	at, load := make([]int, len(shares)), make([]float64, shards)
	for event, share := range shares {
		if placed {
			for shard := range load {
				if load[shard] < load[at[event]] {
					at[event] = shard
				}
			}
		} else {
			at[event] = random.IntN(shards)
		}
		load[at[event]] += share
	}
	return at
}

// busiestShare returns the share of the requests that the busiest shard gets.
func busiestShare(events int, skew float64, shards int, placed bool) float64 {
	popular, load := newZipf(events, skew), make([]float64, shards)
	shares := make([]float64, events)
	for event := range shares {
		shares[event] = popular.share(event)
	}
	for event, shard := range place(shares, shards, placed, rand.New(rand.NewPCG(1, 1))) {
		load[shard] += shares[event]
	}
	return slices.Max(load)
}

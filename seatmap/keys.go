package seatmap

import (
	"hash/maphash"
	"maps"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

// KeyMemory is how long an answer is remembered by its idempotency key after it has
// ended; see [Store]. After exactly that time the key can be used again.
const KeyMemory = 10 * time.Minute

// keys are the results that one event remembers by idempotency key. They are
// guarded by the lock of its plan, except for filter and next.
type keys struct {
	most   int  // bounds queued
	ofSize bool // most counts all seats and places, as [MapOptions.Keys] says
	seed   maphash.Seed

	slots  []result
	unused []uint32          // of slots
	byHash map[uint64]uint32 // the first slot of the results with that hash

	// filter counts the results by hash, for requests that do not take the lock: 0
	// means that there is none. grow replaces it by a larger one.
	filter atomic.Pointer[[]atomic.Uint32]

	// The results that have ended, in that order: a queue through the slots.
	front, back uint32
	queued      int
	next        atomic.Int64 // when to forget the front; 0 for none

	exports []*answerExport // being made
}

const noSlot = ^uint32(0)

// keyedRequest is a request with a key.
type keyedRequest struct {
	user        string
	key         Key
	hash        uint64 // of user and key
	fingerprint fingerprint
}

// result is the answer to a keyedRequest.
type result struct {
	keyedRequest
	hold         Hold   // or booking, which is a hold without a deadline
	nextSameHash uint32 // the next slot with the same hash, or noSlot
	nextQueued   uint32 // the next slot in the queue, or noSlot
	until        int64  // when to forget it; 0 until its hold or booking is known to have ended
}

// replay returns the result as the answer to a repetition at that time, or the zero
// Hold if there is no result.
func (r *result) replay(now wallTime) Hold {
	if r == nil {
		return Hold{}
	}
	h := r.hold
	h.Seats, h.Places = slices.Clone(h.Seats), maps.Clone(h.Places) // the caller may change its own
	h.Left = max(h.Until.Sub(now.at), 0)
	h.Replayed = true
	return h
}

// keep fills in the answer.
func (r *result) keep(h *Hold) {
	r.hold = *h
	r.hold.Seats, r.hold.Places = slices.Clone(h.Seats), maps.Clone(h.Places) // the caller may change its own
}

// hash returns the hash of user and key.
func (k *keys) hash(user, key string) uint64 {
	return mix(maphash.String(k.seed, user), maphash.String(k.seed, key))
}

// mix adds a hash to one of what came before.
func mix(before, h uint64) uint64 { return bits.RotateLeft64(before, 29)*0x9E3779B97F4A7C15 ^ h }

// request returns the request of a user with that key.
func (k *keys) request(user string, key Key, p fingerprint) keyedRequest {
	return keyedRequest{user: user, key: key, hash: k.hash(user, *key.text), fingerprint: p}
}

// has reports whether there may be a result for the user's key. If it reports
// false, there is none. It needs no lock.
func (k *keys) has(user string, key Key) bool {
	if key.IsZero() {
		return false
	}
	filter := k.filter.Load()
	return filter != nil && (*filter)[k.hash(user, *key.text)&uint64(len(*filter)-1)].Load() != 0
}

// find returns the last result for the user's key, or nil. The result may be due to
// be forgotten.
func (k *keys) find(q *keyedRequest) *result {
	for slot := k.first(q.hash); slot != noSlot; slot = k.slots[slot].nextSameHash {
		if a := &k.slots[slot]; a.user == q.user && *a.key.text == *q.key.text {
			return a
		}
	}
	return nil
}

// remember adds a result, whose answer the caller fills in, and returns its slot.
// The result is kept until ended is called with the slot and for KeyMemory
// after that. user equals q.user and is safe to keep.
func (k *keys) remember(now int64, q *keyedRequest, user string) (slot uint32) {
	if k.due(now) {
		k.forget(now)
	}
	if last := len(k.unused) - 1; last >= 0 {
		slot, k.unused = k.unused[last], k.unused[:last]
	} else {
		slot = uint32(len(k.slots))
		k.slots = append(k.slots, result{})
	}
	k.grow() // before the new result is in a chain, because grow counts what is
	k.slots[slot] = result{keyedRequest: *q, nextSameHash: k.first(q.hash), nextQueued: noSlot}
	k.slots[slot].user = user
	if k.byHash == nil {
		k.byHash = map[uint64]uint32{}
	}
	k.byHash[q.hash] = slot
	k.tally(q.hash).Add(1)
	return slot
}

// first returns the first slot of the results with that hash, or noSlot.
func (k *keys) first(hash uint64) uint32 {
	if slot, found := k.byHash[hash]; found {
		return slot
	}
	return noSlot
}

// tally returns the entry of the filter that counts the results with that hash.
func (k *keys) tally(hash uint64) *atomic.Uint32 {
	filter := *k.filter.Load()
	return &filter[hash&uint64(len(filter)-1)]
}

// grow makes the filter at least eight times as large as the number of slots, so
// that few requests take the lock in vain.
func (k *keys) grow() {
	old := k.filter.Load()
	if old != nil && len(*old) >= 8*len(k.slots) {
		return
	}
	filter := make([]atomic.Uint32, max(256, 1<<bits.Len(uint(16*len(k.slots)-1))))
	if old != nil {
		for hash, slot := range k.byHash {
			for ; slot != noSlot; slot = k.slots[slot].nextSameHash {
				filter[hash&uint64(len(filter)-1)].Add(1)
			}
		}
	}
	k.filter.Store(&filter)
}

// ended records that the hold or booking of the result has ended, or that there is
// none.
func (k *keys) ended(now int64, slot uint32) {
	a := &k.slots[slot]
	a.until = now + int64(KeyMemory)
	if k.queued == 0 {
		k.front = slot
		k.next.Store(a.until)
	} else {
		k.slots[k.back].nextQueued = slot
	}
	k.back = slot
	k.queued++
	k.forget(now)
}

// due reports whether there is a result to forget. It needs no lock.
func (k *keys) due(now int64) bool {
	next := k.next.Load()
	return next != 0 && next <= now
}

// forget drops the results that are due, and the oldest ones if there are too many.
func (k *keys) forget(now int64) {
	for k.queued > 0 {
		a := &k.slots[k.front]
		if a.until > now && k.queued <= k.most {
			k.next.Store(a.until)
			return
		}
		for _, x := range k.exports {
			if x.left > 0 && x.next == k.front {
				k.export(x, 1)
			}
		}
		k.tally(a.hash).Add(^uint32(0))
		k.unlink(a.hash, k.front)
		k.unused = append(k.unused, k.front)
		k.front = a.nextQueued
		k.queued--
		*a = result{}
	}
	k.next.Store(0)
	if len(k.unused) == len(k.slots) && len(k.slots) >= 1024 {
		k.slots, k.unused, k.byHash = nil, nil, nil // give the memory back
		k.filter.Store(nil)
	}
}

// answerExport is an unfinished copy of the results that had ended at one moment. A
// result that is forgotten before it was copied is copied first.
type answerExport struct {
	next uint32 // the slot to copy next
	left int    // how many are to be copied
	save func(r *result)
}

func (k *keys) beginExport(save func(r *result)) *answerExport {
	x := &answerExport{next: k.front, left: k.queued, save: save}
	k.exports = append(k.exports, x)
	return x
}

func (k *keys) endExport(x *answerExport) {
	k.exports = slices.DeleteFunc(k.exports, func(other *answerExport) bool { return other == x })
}

// export copies at most n results.
func (k *keys) export(x *answerExport, n int) {
	for ; n > 0 && x.left > 0; n-- {
		r := &k.slots[x.next]
		x.save(r)
		x.next = r.nextQueued
		x.left--
	}
}

// unlink takes a slot out of the chain of its hash.
func (k *keys) unlink(hash uint64, slot uint32) {
	same := k.slots[slot].nextSameHash
	before := k.byHash[hash]
	switch {
	case before != slot:
		for k.slots[before].nextSameHash != slot {
			before = k.slots[before].nextSameHash
		}
		k.slots[before].nextSameHash = same
	case same != noSlot:
		k.byHash[hash] = same
	default:
		delete(k.byHash, hash)
	}
}

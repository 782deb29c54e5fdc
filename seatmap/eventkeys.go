package seatmap

import "sync"

// eventKeys are the results of Create and Remove that a Map remembers by key. The
// result of a Create is in its event while that exists, and here after the event was
// removed; the result of a Remove is here. The results are forgotten in the order in
// which they came.
type eventKeys struct {
	most int

	mu    sync.Mutex
	byKey map[eventKey]*eventResult
	queue []*eventResult
}

// eventKey is a key of the requests about one event.
type eventKey struct{ event, key string }

// eventResult is a Create or Remove with a key that was carried out.
type eventResult struct {
	eventKey
	remove bool
	layout uint64 // hash
	limits Limits
	until  int64 // when to forget it
}

// created returns the result of a Create with a key, or nil if there is no key.
func (k *eventKeys) created(r *CreateRequest) *eventResult {
	if r.Key.IsZero() {
		return nil
	}
	return &eventResult{eventKey: eventKey{r.Event, r.Key.Reveal()}, layout: r.Layout.print(), limits: r.Limits}
}

// removed returns the result of a Remove with a key, or nil if there is no key.
func (k *eventKeys) removed(r *RemoveRequest) *eventResult {
	if r.Key.IsZero() {
		return nil
	}
	return &eventResult{eventKey: eventKey{r.Event, r.Key.Reveal()}, remove: true}
}

// repeats reports whether the request was carried out before. live is the event of
// that name, or nil. The error is a [*KeyError].
func (k *eventKeys) repeats(now int64, live *event, request *eventResult) (bool, error) {
	if request == nil {
		return false, nil
	}
	old := k.find(now, request.eventKey)
	if live != nil && live.created != nil && live.created.eventKey == request.eventKey {
		old = live.created
	}
	switch {
	case old == nil:
		return false, nil
	case old.remove != request.remove:
		return false, NewKeyError("method")
	}
	var differs []string
	if old.layout != request.layout {
		differs = append(differs, "Layout")
	}
	if old.limits != request.limits {
		differs = append(differs, "Limits")
	}
	if differs != nil {
		return false, NewKeyError(differs...)
	}
	return true, nil
}

func (k *eventKeys) find(now int64, key eventKey) *eventResult {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.byKey[key]; r != nil && now < r.until {
		return r
	}
	return nil
}

// remember remembers a result, if it is not nil, for KeyMemory from now.
func (k *eventKeys) remember(now int64, r *eventResult) {
	if r == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byKey == nil {
		k.byKey = map[eventKey]*eventResult{}
	}
	r.until = now + int64(KeyMemory)
	k.byKey[r.eventKey] = r
	k.queue = append(k.queue, r)
	k.drop(now)
}

// forget drops the results that are due.
func (k *eventKeys) forget(now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(now)
}

func (k *eventKeys) drop(now int64) {
	for len(k.queue) > 0 && (k.queue[0].until <= now || len(k.queue) > k.most) {
		if r := k.queue[0]; k.byKey[r.eventKey] == r {
			delete(k.byKey, r.eventKey)
		}
		k.queue[0] = nil
		k.queue = k.queue[1:]
	}
}

package task

// SetKept returns how many handles the set has room for, taken or not.
func SetKept[T any](s *Set[T]) int {
	s.workers.mu.Lock()
	defer s.workers.mu.Unlock()
	return cap(s.order) + len(s.done.ring)
}

// PoolWaiters returns how many submitters the pool keeps in its list.
func PoolWaiters(p *Pool) int {
	p.workers.mu.Lock()
	defer p.workers.mu.Unlock()
	return p.workers.submitters.n
}

// JoinMapKept returns how many entries the parts of m hold.
func JoinMapKept[K comparable, T any](m *JoinMap[K, T]) (order, done, queue, tasks, keys int) {
	m.set.workers.mu.Lock()
	defer m.set.workers.mu.Unlock()
	return len(m.set.order), m.set.done.n, m.set.workers.queue.n, len(m.tasks.m), len(m.keys.m)
}

// FlightIsEmpty reports whether fl holds nothing, also no room.
func FlightIsEmpty[K comparable, T any](fl *Flight[K, T]) bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return len(fl.calls.m) == 0 && len(fl.live.m) == 0 && fl.calls.most <= largeMap && fl.live.most <= largeMap
}

// PoolTraces returns how much the pool keeps of waits, which is nothing once none is
// left.
func PoolTraces(p *Pool) int { return p.workers.traces() }

// SetTraces is PoolTraces for a Set.
func SetTraces[T any](s *Set[T]) int { return s.workers.traces() }

func (ws *workers) traces() int {
	waitGraph.Lock()
	defer waitGraph.Unlock()
	ws.mu.Lock()
	defer ws.mu.Unlock()
	n := len(ws.inNext) + ws.reacquiring.n + ws.submitters.n + ws.queue.n
	if g := ws.node; g != nil {
		n += len(g.up) + len(g.inner) + len(g.awaitedTasks)
	}
	return n
}

// Workers returns how many workers are registered.
func Workers() (n int) {
	for i := range shards {
		shards[i].mu.Lock()
		n += len(shards[i].workers.m)
		shards[i].mu.Unlock()
	}
	return n
}

package main

// loop runs what is planned for a time, in the order of these times. What is planned for
// the same time runs in the order in which it was planned, so a simulation has one
// outcome. Times are whole nanoseconds, so this outcome does not depend on how a
// processor rounds.
type loop struct {
	now  int64
	seq  uint64
	heap []planned // a binary heap
}

type planned struct {
	at  int64
	seq uint64
	run func(arg int)
	arg int
}

func (p *planned) before(q *planned) bool { return p.at < q.at || p.at == q.at && p.seq < q.seq }

// at plans run(arg) for a time that is not past.
func (l *loop) at(time int64, run func(arg int), arg int) {
	if time < l.now {
		panic("scaling: loop.at: the time is past")
	}
	l.seq++
	l.heap = append(l.heap, planned{time, l.seq, run, arg})
	h := l.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// run returns when nothing is planned.
func (l *loop) run() {
	for len(l.heap) > 0 {
		next := l.pop()
		l.now = next.at
		next.run(next.arg)
	}
}

func (l *loop) pop() planned {
	h := l.heap
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], planned{}
	h = h[:last]
	l.heap = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// station serves jobs in the order of their arrival. A processor with several cores is a
// station with as many servers. A store that decides one request after the other has one
// server. A store that collects requests has one server, and a batch above one.
type station struct {
	loop    *loop
	servers int   // how many serve at the same time
	batch   int   // how many jobs a server takes at once, at most
	fixed   int64 // what a batch costs beside its jobs, in ns

	queue  fifo
	busy   int
	worked int64   // the busy time of all servers, in ns
	runs   [][]job // what each server works at
	idle   []int   // the places in runs that are free
}

// job is what a station works at: for cost ns, after which it calls done(arg).
type job struct {
	cost int64
	done func(arg int)
	arg  int
}

func newStation(l *loop, servers, batch int, fixed int64) *station {
	return &station{loop: l, servers: servers, batch: batch, fixed: fixed}
}

// arrive adds a job to the queue.
func (s *station) arrive(j job) {
	s.queue.push(j)
	if s.busy < s.servers {
		s.start()
	}
}

// waiting is how many jobs have arrived and are not begun.
func (s *station) waiting() int { return s.queue.len() }

// start makes a server take the next jobs.
func (s *station) start() {
	if len(s.idle) == 0 {
		s.idle = append(s.idle, len(s.runs))
		s.runs = append(s.runs, nil)
	}
	run := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	cost, jobs := s.fixed, s.runs[run][:0]
	for len(jobs) < s.batch && s.queue.len() > 0 {
		j := s.queue.pop()
		cost += j.cost
		jobs = append(jobs, j)
	}
	s.runs[run] = jobs
	s.busy++
	s.worked += cost
	s.loop.at(s.loop.now+cost, s.finish, run)
}

// finish ends the jobs of a server. Their ends may bring new jobs, which wait for the
// server's next turn.
func (s *station) finish(run int) {
	for _, j := range s.runs[run] {
		j.done(j.arg)
	}
	s.idle = append(s.idle, run)
	s.busy--
	if s.queue.len() > 0 {
		s.start()
	}
}

// fifo is a queue whose popped elements are reused.
type fifo struct {
	jobs []job
	head int
}

func (q *fifo) len() int { return len(q.jobs) - q.head }

func (q *fifo) push(j job) {
	if q.head > 64 && q.head > len(q.jobs)/2 {
		q.jobs = q.jobs[:copy(q.jobs, q.jobs[q.head:])]
		q.head = 0
	}
	q.jobs = append(q.jobs, j)
}

func (q *fifo) pop() job {
	j := q.jobs[q.head]
	q.head++
	return j
}

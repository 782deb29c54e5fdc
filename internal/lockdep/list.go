package lockdep

// A list has the vertices of a [graph] in topological order. Each vertex has a rank, and
// ranks increase along the list. So comparing two vertices takes constant time, and
// inserting one anywhere takes amortized logarithmic time.
//
// It is the order-maintenance list of Bender, Cole, Demaine, Farach-Colton and Zito, "Two
// Simplified Algorithms for Maintaining Order in a List", ESA 2002. If there is no rank
// between two neighbors, the list takes the smallest range of ranks around them that is
// not too dense, and spreads the vertices in that range evenly.
type list struct {
	head vertex // rank 0; head.next is the first vertex and head.prev the last
}

const (
	lastRank  = 1 << 62 // greater than all ranks
	stride    = 1 << 32 // distance of ranks at the end of the list
	rankShare = 2 / 1.3 // factor by which the permitted number of vertices grows when a range doubles
)

// end returns the last vertex, or the head if the list is empty.
func (l *list) end() *vertex {
	if l.head.next == nil {
		l.head.next, l.head.prev = &l.head, &l.head
	}
	return l.head.prev
}

// insert inserts x, which is in no list, after p.
func (l *list) insert(p, x *vertex) {
	for {
		next := int64(lastRank)
		if p.next != &l.head {
			next = p.next.rank
		}
		if gap := next - p.rank; gap > 1 {
			if gap /= 2; p.next == &l.head {
				gap = min(gap, stride)
			}
			x.rank, x.prev, x.next = p.rank+gap, p, p.next
			p.next.prev, p.next = x, x
			return
		}
		l.spread(p)
	}
}

// remove removes x from the list. The ranks of the other vertices do not change.
func (l *list) remove(x *vertex) {
	x.prev.next, x.next.prev = x.next, x.prev
	x.rank, x.prev, x.next = 0, nil, nil
}

// spread changes ranks so that there is a free rank after p.
func (l *list) spread(p *vertex) {
	if p == &l.head {
		p = p.next
	}
	first, last, n := p, p, int64(1)
	most := 1.0
	for size := int64(2); size <= lastRank; size *= 2 {
		base := p.rank &^ (size - 1)
		for first.prev != &l.head && first.prev.rank >= base {
			first = first.prev
			n++
		}
		for last.next != &l.head && last.next.rank < base+size {
			last = last.next
			n++
		}
		most *= rankShare
		step := size / (n + 1)
		if float64(n) > most || step < 2 {
			continue
		}
		rank := base
		for x := first; ; x = x.next {
			rank += step
			x.rank = rank
			if x == last {
				return
			}
		}
	}
	panic("lockdep: more locks than ranks")
}

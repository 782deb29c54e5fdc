package lockdep

// A list has the vertices in an order in which every edge leads forwards. Each
// has a rank, which grows along the list, so that two are compared at once and one
// is put anywhere in amortized logarithmic time. After Bender, Cole, Demaine,
// Farach-Colton and Zito, "Two Simplified Algorithms for Maintaining Order in a
// List", ESA 2002: where there is no rank left, the ranks of the smallest range
// around it that is not too dense are spread evenly.
type list struct {
	head vertex // rank 0; its next is the first and its prev the last
}

const (
	lastRank  = 1 << 62 // beyond all ranks
	stride    = 1 << 32 // between ranks at the end of the list
	rankShare = 2 / 1.3 // how much denser a range may be than one of twice its size, times two
)

// end returns the vertex behind which the end of the list is.
func (l *list) end() *vertex {
	if l.head.next == nil {
		l.head.next, l.head.prev = &l.head, &l.head
	}
	return l.head.prev
}

// insert puts x, which is in no list, behind p.
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

// remove takes x out. No rank changes but its own.
func (l *list) remove(x *vertex) {
	x.prev.next, x.next.prev = x.next, x.prev
	x.rank, x.prev, x.next = 0, nil, nil
}

// spread makes room behind p, where there is none.
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

package storecall

import "github.com/coderrange/ferrous/seatmap"

// Only returns a store that has those of the interfaces of a [seatmap.Map] whose bits are set
// in has, in the order of parts, and no others.
func Only[S any](m *seatmap.Map, o Observer[S], has int) seatmap.Store {
	return combine(has, &wrapper[S]{m, o}, &parts[S]{
		&operations[S]{m, o},
		&payments[S]{m, o},
		&ports[S]{m, o},
		&sweeps[S]{m, o},
		&closings[S]{m, o},
		&lists[S]{m, o},
		&additions[S]{m, o},
	})
}

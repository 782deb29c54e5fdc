// Code generated from parts by go test ./internal/storecall -update; DO NOT EDIT.

package storecall

import "github.com/coderrange/ferrous/seatmap"

// combine returns w with those of the parts whose bits are set in has.
func combine[S any](has int, w *wrapper[S], p *parts[S]) seatmap.Store {
	switch has {
	case 1:
		return struct {
			*wrapper[S]
			*operations[S]
		}{w, p.operations}
	case 2:
		return struct {
			*wrapper[S]
			*payments[S]
		}{w, p.payments}
	case 3:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
		}{w, p.operations, p.payments}
	case 4:
		return struct {
			*wrapper[S]
			*ports[S]
		}{w, p.ports}
	case 5:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
		}{w, p.operations, p.ports}
	case 6:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
		}{w, p.payments, p.ports}
	case 7:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
		}{w, p.operations, p.payments, p.ports}
	case 8:
		return struct {
			*wrapper[S]
			*sweeps[S]
		}{w, p.sweeps}
	case 9:
		return struct {
			*wrapper[S]
			*operations[S]
			*sweeps[S]
		}{w, p.operations, p.sweeps}
	case 10:
		return struct {
			*wrapper[S]
			*payments[S]
			*sweeps[S]
		}{w, p.payments, p.sweeps}
	case 11:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*sweeps[S]
		}{w, p.operations, p.payments, p.sweeps}
	case 12:
		return struct {
			*wrapper[S]
			*ports[S]
			*sweeps[S]
		}{w, p.ports, p.sweeps}
	case 13:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*sweeps[S]
		}{w, p.operations, p.ports, p.sweeps}
	case 14:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
		}{w, p.payments, p.ports, p.sweeps}
	case 15:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
		}{w, p.operations, p.payments, p.ports, p.sweeps}
	case 16:
		return struct {
			*wrapper[S]
			*closings[S]
		}{w, p.closings}
	case 17:
		return struct {
			*wrapper[S]
			*operations[S]
			*closings[S]
		}{w, p.operations, p.closings}
	case 18:
		return struct {
			*wrapper[S]
			*payments[S]
			*closings[S]
		}{w, p.payments, p.closings}
	case 19:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*closings[S]
		}{w, p.operations, p.payments, p.closings}
	case 20:
		return struct {
			*wrapper[S]
			*ports[S]
			*closings[S]
		}{w, p.ports, p.closings}
	case 21:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*closings[S]
		}{w, p.operations, p.ports, p.closings}
	case 22:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*closings[S]
		}{w, p.payments, p.ports, p.closings}
	case 23:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*closings[S]
		}{w, p.operations, p.payments, p.ports, p.closings}
	case 24:
		return struct {
			*wrapper[S]
			*sweeps[S]
			*closings[S]
		}{w, p.sweeps, p.closings}
	case 25:
		return struct {
			*wrapper[S]
			*operations[S]
			*sweeps[S]
			*closings[S]
		}{w, p.operations, p.sweeps, p.closings}
	case 26:
		return struct {
			*wrapper[S]
			*payments[S]
			*sweeps[S]
			*closings[S]
		}{w, p.payments, p.sweeps, p.closings}
	case 27:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*sweeps[S]
			*closings[S]
		}{w, p.operations, p.payments, p.sweeps, p.closings}
	case 28:
		return struct {
			*wrapper[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
		}{w, p.ports, p.sweeps, p.closings}
	case 29:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
		}{w, p.operations, p.ports, p.sweeps, p.closings}
	case 30:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
		}{w, p.payments, p.ports, p.sweeps, p.closings}
	case 31:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
		}{w, p.operations, p.payments, p.ports, p.sweeps, p.closings}
	case 32:
		return struct {
			*wrapper[S]
			*lists[S]
		}{w, p.lists}
	case 33:
		return struct {
			*wrapper[S]
			*operations[S]
			*lists[S]
		}{w, p.operations, p.lists}
	case 34:
		return struct {
			*wrapper[S]
			*payments[S]
			*lists[S]
		}{w, p.payments, p.lists}
	case 35:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*lists[S]
		}{w, p.operations, p.payments, p.lists}
	case 36:
		return struct {
			*wrapper[S]
			*ports[S]
			*lists[S]
		}{w, p.ports, p.lists}
	case 37:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*lists[S]
		}{w, p.operations, p.ports, p.lists}
	case 38:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*lists[S]
		}{w, p.payments, p.ports, p.lists}
	case 39:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*lists[S]
		}{w, p.operations, p.payments, p.ports, p.lists}
	case 40:
		return struct {
			*wrapper[S]
			*sweeps[S]
			*lists[S]
		}{w, p.sweeps, p.lists}
	case 41:
		return struct {
			*wrapper[S]
			*operations[S]
			*sweeps[S]
			*lists[S]
		}{w, p.operations, p.sweeps, p.lists}
	case 42:
		return struct {
			*wrapper[S]
			*payments[S]
			*sweeps[S]
			*lists[S]
		}{w, p.payments, p.sweeps, p.lists}
	case 43:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*sweeps[S]
			*lists[S]
		}{w, p.operations, p.payments, p.sweeps, p.lists}
	case 44:
		return struct {
			*wrapper[S]
			*ports[S]
			*sweeps[S]
			*lists[S]
		}{w, p.ports, p.sweeps, p.lists}
	case 45:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*sweeps[S]
			*lists[S]
		}{w, p.operations, p.ports, p.sweeps, p.lists}
	case 46:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*lists[S]
		}{w, p.payments, p.ports, p.sweeps, p.lists}
	case 47:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*lists[S]
		}{w, p.operations, p.payments, p.ports, p.sweeps, p.lists}
	case 48:
		return struct {
			*wrapper[S]
			*closings[S]
			*lists[S]
		}{w, p.closings, p.lists}
	case 49:
		return struct {
			*wrapper[S]
			*operations[S]
			*closings[S]
			*lists[S]
		}{w, p.operations, p.closings, p.lists}
	case 50:
		return struct {
			*wrapper[S]
			*payments[S]
			*closings[S]
			*lists[S]
		}{w, p.payments, p.closings, p.lists}
	case 51:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*closings[S]
			*lists[S]
		}{w, p.operations, p.payments, p.closings, p.lists}
	case 52:
		return struct {
			*wrapper[S]
			*ports[S]
			*closings[S]
			*lists[S]
		}{w, p.ports, p.closings, p.lists}
	case 53:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*closings[S]
			*lists[S]
		}{w, p.operations, p.ports, p.closings, p.lists}
	case 54:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*closings[S]
			*lists[S]
		}{w, p.payments, p.ports, p.closings, p.lists}
	case 55:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*closings[S]
			*lists[S]
		}{w, p.operations, p.payments, p.ports, p.closings, p.lists}
	case 56:
		return struct {
			*wrapper[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
		}{w, p.sweeps, p.closings, p.lists}
	case 57:
		return struct {
			*wrapper[S]
			*operations[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
		}{w, p.operations, p.sweeps, p.closings, p.lists}
	case 58:
		return struct {
			*wrapper[S]
			*payments[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
		}{w, p.payments, p.sweeps, p.closings, p.lists}
	case 59:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
		}{w, p.operations, p.payments, p.sweeps, p.closings, p.lists}
	case 60:
		return struct {
			*wrapper[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
		}{w, p.ports, p.sweeps, p.closings, p.lists}
	case 61:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
		}{w, p.operations, p.ports, p.sweeps, p.closings, p.lists}
	case 62:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
		}{w, p.payments, p.ports, p.sweeps, p.closings, p.lists}
	case 63:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
		}{w, p.operations, p.payments, p.ports, p.sweeps, p.closings, p.lists}
	}
	return w
}

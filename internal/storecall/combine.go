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
	case 64:
		return struct {
			*wrapper[S]
			*additions[S]
		}{w, p.additions}
	case 65:
		return struct {
			*wrapper[S]
			*operations[S]
			*additions[S]
		}{w, p.operations, p.additions}
	case 66:
		return struct {
			*wrapper[S]
			*payments[S]
			*additions[S]
		}{w, p.payments, p.additions}
	case 67:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*additions[S]
		}{w, p.operations, p.payments, p.additions}
	case 68:
		return struct {
			*wrapper[S]
			*ports[S]
			*additions[S]
		}{w, p.ports, p.additions}
	case 69:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*additions[S]
		}{w, p.operations, p.ports, p.additions}
	case 70:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*additions[S]
		}{w, p.payments, p.ports, p.additions}
	case 71:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*additions[S]
		}{w, p.operations, p.payments, p.ports, p.additions}
	case 72:
		return struct {
			*wrapper[S]
			*sweeps[S]
			*additions[S]
		}{w, p.sweeps, p.additions}
	case 73:
		return struct {
			*wrapper[S]
			*operations[S]
			*sweeps[S]
			*additions[S]
		}{w, p.operations, p.sweeps, p.additions}
	case 74:
		return struct {
			*wrapper[S]
			*payments[S]
			*sweeps[S]
			*additions[S]
		}{w, p.payments, p.sweeps, p.additions}
	case 75:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*sweeps[S]
			*additions[S]
		}{w, p.operations, p.payments, p.sweeps, p.additions}
	case 76:
		return struct {
			*wrapper[S]
			*ports[S]
			*sweeps[S]
			*additions[S]
		}{w, p.ports, p.sweeps, p.additions}
	case 77:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*sweeps[S]
			*additions[S]
		}{w, p.operations, p.ports, p.sweeps, p.additions}
	case 78:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*additions[S]
		}{w, p.payments, p.ports, p.sweeps, p.additions}
	case 79:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*additions[S]
		}{w, p.operations, p.payments, p.ports, p.sweeps, p.additions}
	case 80:
		return struct {
			*wrapper[S]
			*closings[S]
			*additions[S]
		}{w, p.closings, p.additions}
	case 81:
		return struct {
			*wrapper[S]
			*operations[S]
			*closings[S]
			*additions[S]
		}{w, p.operations, p.closings, p.additions}
	case 82:
		return struct {
			*wrapper[S]
			*payments[S]
			*closings[S]
			*additions[S]
		}{w, p.payments, p.closings, p.additions}
	case 83:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*closings[S]
			*additions[S]
		}{w, p.operations, p.payments, p.closings, p.additions}
	case 84:
		return struct {
			*wrapper[S]
			*ports[S]
			*closings[S]
			*additions[S]
		}{w, p.ports, p.closings, p.additions}
	case 85:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*closings[S]
			*additions[S]
		}{w, p.operations, p.ports, p.closings, p.additions}
	case 86:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*closings[S]
			*additions[S]
		}{w, p.payments, p.ports, p.closings, p.additions}
	case 87:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*closings[S]
			*additions[S]
		}{w, p.operations, p.payments, p.ports, p.closings, p.additions}
	case 88:
		return struct {
			*wrapper[S]
			*sweeps[S]
			*closings[S]
			*additions[S]
		}{w, p.sweeps, p.closings, p.additions}
	case 89:
		return struct {
			*wrapper[S]
			*operations[S]
			*sweeps[S]
			*closings[S]
			*additions[S]
		}{w, p.operations, p.sweeps, p.closings, p.additions}
	case 90:
		return struct {
			*wrapper[S]
			*payments[S]
			*sweeps[S]
			*closings[S]
			*additions[S]
		}{w, p.payments, p.sweeps, p.closings, p.additions}
	case 91:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*sweeps[S]
			*closings[S]
			*additions[S]
		}{w, p.operations, p.payments, p.sweeps, p.closings, p.additions}
	case 92:
		return struct {
			*wrapper[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*additions[S]
		}{w, p.ports, p.sweeps, p.closings, p.additions}
	case 93:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*additions[S]
		}{w, p.operations, p.ports, p.sweeps, p.closings, p.additions}
	case 94:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*additions[S]
		}{w, p.payments, p.ports, p.sweeps, p.closings, p.additions}
	case 95:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*additions[S]
		}{w, p.operations, p.payments, p.ports, p.sweeps, p.closings, p.additions}
	case 96:
		return struct {
			*wrapper[S]
			*lists[S]
			*additions[S]
		}{w, p.lists, p.additions}
	case 97:
		return struct {
			*wrapper[S]
			*operations[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.lists, p.additions}
	case 98:
		return struct {
			*wrapper[S]
			*payments[S]
			*lists[S]
			*additions[S]
		}{w, p.payments, p.lists, p.additions}
	case 99:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.payments, p.lists, p.additions}
	case 100:
		return struct {
			*wrapper[S]
			*ports[S]
			*lists[S]
			*additions[S]
		}{w, p.ports, p.lists, p.additions}
	case 101:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.ports, p.lists, p.additions}
	case 102:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*lists[S]
			*additions[S]
		}{w, p.payments, p.ports, p.lists, p.additions}
	case 103:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.payments, p.ports, p.lists, p.additions}
	case 104:
		return struct {
			*wrapper[S]
			*sweeps[S]
			*lists[S]
			*additions[S]
		}{w, p.sweeps, p.lists, p.additions}
	case 105:
		return struct {
			*wrapper[S]
			*operations[S]
			*sweeps[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.sweeps, p.lists, p.additions}
	case 106:
		return struct {
			*wrapper[S]
			*payments[S]
			*sweeps[S]
			*lists[S]
			*additions[S]
		}{w, p.payments, p.sweeps, p.lists, p.additions}
	case 107:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*sweeps[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.payments, p.sweeps, p.lists, p.additions}
	case 108:
		return struct {
			*wrapper[S]
			*ports[S]
			*sweeps[S]
			*lists[S]
			*additions[S]
		}{w, p.ports, p.sweeps, p.lists, p.additions}
	case 109:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*sweeps[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.ports, p.sweeps, p.lists, p.additions}
	case 110:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*lists[S]
			*additions[S]
		}{w, p.payments, p.ports, p.sweeps, p.lists, p.additions}
	case 111:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.payments, p.ports, p.sweeps, p.lists, p.additions}
	case 112:
		return struct {
			*wrapper[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.closings, p.lists, p.additions}
	case 113:
		return struct {
			*wrapper[S]
			*operations[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.closings, p.lists, p.additions}
	case 114:
		return struct {
			*wrapper[S]
			*payments[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.payments, p.closings, p.lists, p.additions}
	case 115:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.payments, p.closings, p.lists, p.additions}
	case 116:
		return struct {
			*wrapper[S]
			*ports[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.ports, p.closings, p.lists, p.additions}
	case 117:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.ports, p.closings, p.lists, p.additions}
	case 118:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.payments, p.ports, p.closings, p.lists, p.additions}
	case 119:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.payments, p.ports, p.closings, p.lists, p.additions}
	case 120:
		return struct {
			*wrapper[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.sweeps, p.closings, p.lists, p.additions}
	case 121:
		return struct {
			*wrapper[S]
			*operations[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.sweeps, p.closings, p.lists, p.additions}
	case 122:
		return struct {
			*wrapper[S]
			*payments[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.payments, p.sweeps, p.closings, p.lists, p.additions}
	case 123:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.payments, p.sweeps, p.closings, p.lists, p.additions}
	case 124:
		return struct {
			*wrapper[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.ports, p.sweeps, p.closings, p.lists, p.additions}
	case 125:
		return struct {
			*wrapper[S]
			*operations[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.ports, p.sweeps, p.closings, p.lists, p.additions}
	case 126:
		return struct {
			*wrapper[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.payments, p.ports, p.sweeps, p.closings, p.lists, p.additions}
	case 127:
		return struct {
			*wrapper[S]
			*operations[S]
			*payments[S]
			*ports[S]
			*sweeps[S]
			*closings[S]
			*lists[S]
			*additions[S]
		}{w, p.operations, p.payments, p.ports, p.sweeps, p.closings, p.lists, p.additions}
	}
	return w
}

package diagram

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// mapped is a range of addresses of the program's file.
type mapped struct {
	begin, end uintptr
	place      string
}

// program returns where the program's constants and package-level variables
// lie, as /proc/self/maps says. It is nil on other systems than Linux.
var program = sync.OnceValue(func() []mapped {
	exe, err := os.Readlink("/proc/self/exe")
	if runtime.GOOS != "linux" || err != nil {
		return nil
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	var out []mapped
	lines := bufio.NewScanner(bytes.NewReader(maps))
	for lines.Scan() {
		// begin-end perms offset dev inode path
		f := strings.Fields(lines.Text())
		if len(f) < 5 {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		begin, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		m := mapped{uintptr(begin), uintptr(end), ""}
		switch {
		case len(f) > 5 && f[5] == exe && f[1][1] != 'w':
			m.place = ReadOnly
		case len(f) > 5 && f[5] == exe:
			m.place = Static
		case len(f) == 5 && len(out) > 0 && out[len(out)-1].place == Static && out[len(out)-1].end == m.begin:
			m.place = Static // variables without an initial value
		default:
			continue
		}
		out = append(out, m)
	}
	return out
})

// place returns the kind of memory at addr.
func place(addr uintptr) string {
	known := program()
	if known == nil {
		return Unknown
	}
	for _, m := range known {
		if addr >= m.begin && addr < m.end {
			return m.place
		}
	}
	return Heap
}

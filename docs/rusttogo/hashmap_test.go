package rusttogo

import (
	"fmt"
	"maps"
	"slices"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

func Example_hashmapLook() {
	m := map[string]int{"a": 1, "b": 2}
	n, ok := m["a"]
	fmt.Println(n, ok, option.From(n, ok))
	_, has := m["z"]
	fmt.Println(has, len(m), len(m) == 0)
	fmt.Println(slices.Sorted(maps.Keys(m)), slices.Sorted(maps.Values(m)))
	fmt.Println(seq.Sum(maps.Values(m)))
	for k, v := range m {
		if k == "b" {
			fmt.Println(k, v)
		}
	}
	fmt.Println(maps.Collect(seq.Filter2(maps.All(m), func(k string, v int) bool { return v > 1 })))
	// Output:
	// 1 true Some(1)
	// false 2 false
	// [a b] [1 2]
	// 3
	// b 2
	// map[b:2]
}

func Example_hashmapChange() {
	m := map[string]int{"a": 1}
	m["b"] = 2
	if _, ok := m["c"]; !ok {
		m["c"] = 3
	}
	if n, ok := m["a"]; ok {
		m["a"] = n + 10
	}
	m["words"]++
	fmt.Println(m)
	for k := range m {
		m[k] *= 2
	}
	fmt.Println(m)
	delete(m, "a")
	maps.DeleteFunc(m, func(k string, v int) bool { return v < 5 })
	fmt.Println(m)
	clear(m)
	fmt.Println(m)
	// Output:
	// map[a:11 b:2 c:3 words:1]
	// map[a:22 b:4 c:6 words:2]
	// map[c:6]
	// map[]
}

func Example_hashmapPointers() {
	type user struct{ visits int }
	m := map[string]*user{"ada": {}}
	if u, ok := m["ada"]; ok {
		u.visits++
	}
	fmt.Println(m["ada"].visits)
	// Output: 1
}

func Example_hashmapConcurrent() {
	m := xsync.NewMapOf[string, int]()
	m.Store("a", 1)
	n, loaded := m.LoadOrStore("a", 9)
	fmt.Println(n, loaded)
	n, loaded = m.LoadOrCompute("b", func() int { return 2 })
	fmt.Println(n, loaded)
	n, _ = m.Compute("a", func(old int, loaded bool) (int, bool) { return old + 10, !loaded })
	fmt.Println(n)
	n, ok := m.LoadAndDelete("a")
	fmt.Println(n, ok, m.Size())
	// Output:
	// 1 true
	// 2 false
	// 11
	// 11 true 1
}

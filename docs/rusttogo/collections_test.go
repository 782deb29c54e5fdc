package rusttogo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func Example_vecSplit() {
	v := []int{1, 2, 3, 4, 5, 6}
	front, back := v[:4], v[4:]
	fmt.Println(front, back)
	for part := range slices.Chunk(v, 4) {
		fmt.Print(part)
	}
	fmt.Println()
	both := slices.Concat(back, front)
	slices.Reverse(both)
	fmt.Println(both, slices.Equal(both, v))
	v[0], v[5] = v[5], v[0]
	taken := slices.Clone(v[1:3])
	v = slices.Delete(v, 1, 3)
	fmt.Println(taken, v)
	v = slices.DeleteFunc(v, func(x int) bool { return x%2 == 1 })
	v = slices.Clip(v)
	fmt.Println(v, cap(v))
	// Output:
	// [1 2 3 4] [5 6]
	// [1 2 3 4][5 6]
	// [4 3 2 1 6 5] false
	// [2 3] [6 4 5 1]
	// [6 4] 2
}

func Example_vecdeque() {
	var queue []int
	queue = append(queue, 1, 2, 3)
	queue = slices.Insert(queue, 0, 0)
	first := queue[0]
	queue = queue[1:]
	last := queue[len(queue)-1]
	queue = queue[:len(queue)-1]
	fmt.Println(first, queue, last)
	// Output: 0 [1 2] 3
}

func Example_hashset() {
	a, b := map[int]struct{}{1: {}, 2: {}}, map[int]struct{}{2: {}, 3: {}}
	a[5] = struct{}{}
	_, has := a[5]
	delete(a, 5)
	union := maps.Clone(a)
	maps.Copy(union, b)
	both, difference := maps.Clone(a), maps.Clone(a)
	maps.DeleteFunc(both, func(v int, _ struct{}) bool { _, in := b[v]; return !in })
	maps.DeleteFunc(difference, func(v int, _ struct{}) bool { _, in := b[v]; return in })
	fmt.Println(has, len(a), slices.Sorted(maps.Keys(union)), slices.Sorted(maps.Keys(both)), slices.Sorted(maps.Keys(difference)))
	// Output: true 2 [1 2 3] [2] [1]
}

func Example_btreemap() {
	m := map[string]int{"b": 2, "c": 3, "a": 1}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Println(k, m[k])
	}
	type entry struct {
		key   string
		value int
	}
	byKey := func(e entry, key string) int { return cmp.Compare(e.key, key) }
	var sorted []entry
	for _, e := range []entry{{"b", 2}, {"d", 4}, {"a", 1}} {
		at, found := slices.BinarySearchFunc(sorted, e.key, byKey)
		if !found {
			sorted = slices.Insert(sorted, at, e)
		}
	}
	from, _ := slices.BinarySearchFunc(sorted, "b", byKey)
	fmt.Println(sorted[from:], sorted[0], sorted[len(sorted)-1])
	// Output:
	// a 1
	// b 2
	// c 3
	// [{b 2} {d 4}] {a 1} {d 4}
}

func Example_stringBuild() {
	var b strings.Builder
	b.WriteString("grüß")
	b.WriteByte(' ')
	b.WriteRune('→')
	s := b.String()
	fmt.Println(s, len(s), utf8.RuneCountInString(s))
	s += "!"
	fmt.Println(strings.Repeat("ab", 2), strings.Join([]string{"x", "y"}, "-"), fmt.Sprintf("%s%d", s, 1))
	// Output:
	// grüß → 10 6
	// abab x-y grüß →!1
}

func Example_stringLook() {
	s := " key=value=more "
	s = strings.TrimSpace(s)
	key, value, found := strings.Cut(s, "=")
	fmt.Println(key, value, found)
	fmt.Println(strings.Contains(s, "value"), strings.HasPrefix(s, "key"), strings.Index(s, "="), strings.LastIndex(s, "="))
	fmt.Println(strings.Split(s, "="), strings.Fields("a  b"), strings.ReplaceAll(s, "=", ":"))
	rest, ok := strings.CutPrefix(s, "key=")
	fmt.Println(rest, ok, strings.ToUpper(rest))
	for i, r := range "aé" {
		fmt.Print(i, string(r), " ")
	}
	bytes := []byte("aé")
	fmt.Println(len(bytes), s[:3], utf8.ValidString(s))
	n, err := strconv.Atoi("12")
	fmt.Println(n, err)
	// Output:
	// key value=more true
	// true true 3 9
	// [key value more] [a b] key:value:more
	// value=more true VALUE=MORE
	// 0a 1é 3 key true
	// 12 <nil>
}

package main

import (
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
)

// A car has a number, a pointer and a reference, which in Go is a pointer, too.
type car struct {
	speed int32
	fuel  *int32
	owner *string
}

// A tree is a map that is sorted: Go's own map is no tree.
type tree struct {
	key         string
	value       int32
	left, right *tree
}

type element struct {
	value      int32
	prev, next *element
}

var cpp = []act{
	{
		"by-value", "arguments by value, reference and pointer", "Arguments by value, by reference and by pointer",
		"value is a copy. ref and ptr are addresses of x: in Go a reference is a pointer that one writes.",
		`void f(int value, int &ref, int *ptr) { value++; ref++; (*ptr)++; }
int x = 1; f(x, x, &x); // x is 3`,
		func(s *scene) {
			x := int32(1)
			f := func(value int32, ref, ptr *int32) {
				value++
				*ref++
				*ptr++
				s.show("at the end of f", inFrame("main", variable("x", &x)), inFrame("f", variable("value", &value), variable("ref", &ref), variable("ptr", &ptr)))
			}
			f(x, &x, &x)
		},
	},
	{
		"reference-variable", "reference variable and plain pointer", "A reference variable, and a plain pointer",
		"r is another name of x: it has no memory of its own. p has.",
		`int x = 5; int &r = x; int *p = &x;`,
		func(s *scene) {
			x := int32(5)
			p := &x
			s.main("", variable("x", &x), variable("r", &x), variable("p", &p))
		},
	},
	{
		"object-pointer", "class with int, pointer and reference", "A class with a number, a pointer and a reference",
		"Three words. The object does not hold what fuel and owner lead to.",
		`class Car { int speed; int *fuel; string &owner; };
Car *c = new Car{100, new int(50), name};`,
		func(s *scene) {
			name, fuel := "Asha", int32(50)
			c := &car{100, &fuel, &name}
			s.main("", variable("c", &c), variable("name", &name), variable("fuel", &fuel))
		},
	},
	{
		"shallow-copy", "shallow copy", "A shallow copy shares",
		"car2 has its own speed and the same fuel: what one burns, the other lacks.",
		`Car car2 = car1; // the pointer is copied`,
		func(s *scene) {
			fuel := int32(50)
			car1 := car{speed: 100, fuel: &fuel}
			car2 := car1
			car2.speed = 80
			*car2.fuel = 40
			s.main("", variable("car1", &car1), variable("car2", &car2))
		},
	},
	{
		"deep-copy", "deep copy", "A deep copy does not",
		"car2 has a fuel of its own.",
		`Car(const Car &o) : speed(o.speed), fuel(new int(*o.fuel)) {}`,
		func(s *scene) {
			fuel := int32(50)
			car1 := car{speed: 100, fuel: &fuel}
			car2 := car1
			own := *car1.fuel
			car2.fuel = &own
			*car2.fuel = 40
			s.main("", variable("car1", &car1), variable("car2", &car2))
		},
	},
	{
		"assignment", "assignment against copy", "Assignment against copy",
		"A copy makes a new object. An assignment writes into one that is there: its old fuel is lost, unless someone else has it.",
		`Car b = a;  // copy
b = c;      // assignment`,
		func(s *scene) {
			one, two := int32(1), int32(2)
			a, c := car{speed: 10, fuel: &one}, car{speed: 30, fuel: &two}
			b := a
			s.main("b is a copy of a", variable("a", &a), variable("b", &b), variable("c", &c))
			b = c
			s.main("c was assigned to b", variable("a", &a), variable("b", &b), variable("c", &c))
		},
	},
	{
		"list", "list nodes", "Nodes of a list",
		"Each node is a box of its own, with arrows to both neighbours.",
		`std::list<int> l = {10, 20, 30};`,
		func(s *scene) {
			n1, n2, n3 := &element{value: 10}, &element{value: 20}, &element{value: 30}
			n1.next, n2.prev = n2, n1
			n2.next, n3.prev = n3, n2
			s.main("", variable("head", &n1))
		},
	},
	{
		"map-nodes", "map nodes", "Nodes of a map",
		"std::map is a tree. Go's map is a hash table, drawn as its entries; the tree here is built by hand.",
		`std::map<string, int> m = {{"b", 2}, {"a", 1}, {"c", 3}};`,
		func(s *scene) {
			root := &tree{"b", 2, &tree{"a", 1, nil, nil}, &tree{"c", 3, nil, nil}}
			m := map[string]int32{"b": 2, "a": 1, "c": 3}
			s.main("", variable("root", &root), variable("m", &m))
		},
	},
	{
		"iterators", "iterators with one start", "Iterators with one start",
		"Two iterators over one vector: each is a position, not a copy.",
		`auto i = v.begin(); auto j = v.begin() + 2;`,
		func(s *scene) {
			v := []int32{10, 20, 30}
			i, j := v[0:], v[2:]
			s.main("", variable("v", &v), variable("i", &i), variable("j", &j))
		},
	},
	{
		"invalidated", "iterator invalidated by growth", "An iterator that growth has left behind",
		"i points into the old array. In Go that array lives on, but v does not see what i writes. A RefCell refuses to grow while it is read.",
		`auto i = v.begin();
v.push_back(4); // i is invalid
*i = 99;        // undefined behaviour`,
		func(s *scene) {
			v := []int32{1, 2, 3}
			i := v[:1]
			v = append(v, 4)
			i[0] = 99
			s.main("", variable("v", &v), variable("i", &i))
		},
	},
	{
		"guarded-growth", "iterator invalidated by growth", "The same, guarded",
		"While the iterator has its borrow, the vector cannot grow: the error names who reads.",
		`// Rust: error[E0502]: cannot borrow v as mutable because it is also borrowed as immutable`,
		func(s *scene) {
			v := refcell.New([]int32{1, 2, 3})
			i := v.Borrow()
			_, err := v.TryBorrowMut()
			s.main("", variable("v", &v), variable("i", &i))
			_ = err // a *refcell.BorrowError
			i.Release()
		},
	},
	{
		"smart-pointers", "unique, shared and weak pointers", "unique_ptr, shared_ptr and weak_ptr",
		"One owner; two owners with a count; one that only looks.",
		`auto u = make_unique<int>(1);
auto s1 = make_shared<int>(2); auto s2 = s1;
weak_ptr<int> w = s1;`,
		func(s *scene) {
			u := rc.NewBox(int32(1))
			s1 := rc.New(int32(2))
			s2 := s1.Clone()
			w := s1.Downgrade()
			s.main("", variable("u", &u), variable("s1", &s1), variable("s2", &s2), variable("w", &w))
			s1.Drop()
			s2.Drop()
			s.main("both shared owners are gone", variable("u", &u), variable("s1", &s1), variable("s2", &s2), variable("w", &w))
			u.Drop()
			w.Drop()
		},
	},
	{
		"closure", "functor and lambda", "A functor: code and what it captured",
		"A Go function value points to the code and to what it captured. Only the code has a name to be drawn.",
		`int n = 10;
auto add = [&n](int x) { return n + x; };`,
		func(s *scene) {
			n := int32(10)
			add := func(x int32) int32 { return n + x }
			s.main("", variable("n", &n), variable("add", &add))
		},
	},
}

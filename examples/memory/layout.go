package main

var static int32 = 40

const limit = 100

var layout = []act{
	{
		"mut-and-ref-mut", "mut against &mut", "mut against &mut",
		"a can be changed itself. m is a way to change a: it points to it.",
		`let mut a = 5;
a += 1;
let m = &mut a;
*m = 7;`,
		func(s *scene) {
			a := int32(5)
			a++
			m := &a
			*m = 7
			s.main("", variable("a", &a), variable("m", &m))
		},
	},
	{
		"static-const", "static and const", "static and const",
		"A static variable has one address for all. A Go constant has none: it is in the instructions, and here in a copy.",
		`static mut STATIC: i32 = 40;
const LIMIT: i32 = 100;
let p = &raw const STATIC;
let n = LIMIT;`,
		func(s *scene) {
			p := &static
			n := int32(limit)
			s.main("", variable("p", &p), variable("n", &n))
		},
	},
	{
		"tuple-array", "tuple, array, slice of an array", "A tuple, an array, and a slice of the array",
		"A tuple is laid out as a struct, with padding. A slice of an array points into it.",
		`let t: (i8, i32) = (1, 2);
let arr = [10, 20, 30, 40];
let part = &arr[1..3];`,
		func(s *scene) {
			t := struct {
				_0 int8
				_1 int32
			}{1, 2}
			arr := [4]int32{10, 20, 30, 40}
			part := arr[1:3]
			s.main("", variable("t", &t), variable("arr", &arr), variable("part", &part))
		},
	},
	{
		"slice-heap", "slice of heap, slice metadata", "A slice of a vector, and its metadata",
		"v and part share one array. The length of part says how far it may look; its capacity, how far it may grow.",
		`let v = vec![10, 20, 30, 40];
let part = &v[1..3];`,
		func(s *scene) {
			v := []int32{10, 20, 30, 40}
			part := v[1:3]
			s.main("", variable("v", &v), variable("part", &part))
		},
	},
	{
		"slice-write", "writing through a mutable slice", "Writing through a slice changes the array",
		"part[0] and arr[1] are the same four bytes.",
		`let mut arr = [1, 2, 3];
let part = &mut arr[1..];
part[0] = 99;`,
		func(s *scene) {
			arr := [3]int32{1, 2, 3}
			part := arr[1:]
			s.main("before", variable("arr", &arr), variable("part", &part))
			part[0] = 99
			s.main("after part[0] = 99", variable("arr", &arr), variable("part", &part))
		},
	},
	{
		"stack-object", "stack object", "An object on the stack",
		"The variable is the object: no pointer, and padding so that fields lie where the processor wants them.",
		`struct Car { on: bool, speed: i32, gear: i8 }
let car = Car { on: true, speed: 100, gear: 5 };`,
		func(s *scene) {
			type Car struct {
				on    bool
				speed int32
				gear  int8
			}
			car := Car{true, 100, 5}
			s.main("", variable("car", &car))
		},
	},
	{
		"heap-object", "heap object", "An object on the heap",
		"The variable is a pointer. The object lives as long as something points to it.",
		`let car = Box::new(Car { speed: 100, gear: 5 });`,
		func(s *scene) {
			type Car struct{ speed, gear int32 }
			car := &Car{100, 5}
			s.main("", variable("car", &car))
		},
	},
	{
		"call-frame", "function call frame", "The frame of a function call",
		"An argument by value is a copy in the frame of the callee. A pointer is copied, too: what it points to is not.",
		`fn add(a: i32, b: &mut i32) { *b += a; }
let (x, mut y) = (1, 2);
add(x, &mut y);`,
		func(s *scene) {
			x, y := int32(1), int32(2)
			add := func(a int32, b *int32) {
				*b += a
				s.show("in the call", inFrame("main", variable("x", &x), variable("y", &y)), inFrame("add", variable("a", &a), variable("b", &b)))
			}
			add(x, &y)
		},
	},
	{
		"vector-strings", "vector with its strings and &vec[0]", "A vector of strings, and &vec[0]",
		"The array holds headers. A pointer to an element points into the array, at the header and not at the text.",
		`let v = vec![String::from("a first string of the vector"), String::from("b")];
let first = &v[0];`,
		func(s *scene) {
			v := []string{"a first string of the vector", "b"}
			first := &v[0]
			s.main("", variable("v", &v), variable("first", &first))
		},
	},
	{
		"ref-string", "&String points at the header", "&String points at the header",
		"r leads to s, and s to the text: two arrows.",
		`let s = String::from("a string that is owned by s");
let r: &String = &s;`,
		func(s *scene) {
			text := "a string that is owned by s"
			r := &text
			s.main("", variable("s", &text), variable("r", &r))
		},
	},
	{
		"grow", "vector that grows", "A vector that grows moves",
		"The second push finds no room: the elements move to a larger array, and the old one is garbage.",
		`let mut v = Vec::with_capacity(2);
v.push(1); v.push(2);
v.push(3);`,
		func(s *scene) {
			v := make([]int32, 0, 2)
			v = append(v, 1, 2)
			s.main("full", variable("v", &v))
			v = append(v, 3)
			s.main("moved", variable("v", &v))
		},
	},
}

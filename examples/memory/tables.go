package main

// An animal can speak, and a walker walk.
type (
	animal interface{ Speak() string }
	walker interface{ Walk() int }
)

type dog struct{ name string }

func (d *dog) Speak() string { return d.name + " barks" }
func (*dog) Walk() int       { return 4 }

type cat struct{ lives int32 }

func (cat) Speak() string { return "meows" }

// A base is embedded in a derived type.
type base struct{ id int32 }

func (base) Name() string { return "base" }

type derived struct {
	weight int64
	base
	extra int32
}

// Name overrides the method of base.
func (derived) Name() string { return "derived" }

type named interface{ Name() string }

type pair[A, B any] struct {
	first  A
	second B
}

func add[T int32 | float64](a, b T) T { return a + b }

var tables = []act{
	{
		"trait-object", "trait object with its table", "A trait object and its table",
		"Two words: where the methods are, and where the data is.",
		`let d: Box<dyn Animal> = Box::new(Dog { name: "Rex".into() });`,
		func(s *scene) {
			var a animal = &dog{"Rex"}
			s.main("", variable("a", &a))
		},
	},
	{
		"two-traits", "two traits of one value", "Two traits of one value",
		"One dog, two tables. Each interface can call only what is in its own.",
		`let rex = Dog { name: "Rex".into() };
let a: &dyn Animal = &rex;
let w: &dyn Walker = &rex;`,
		func(s *scene) {
			rex := &dog{"Rex"}
			var a animal = rex
			var w walker = rex
			s.main("", variable("rex", &rex), variable("a", &a), variable("w", &w))
		},
	},
	{
		"vtable-rows", "rows of the vtable table", "One trait, two types: two tables",
		"The same row, Speak, leads to another function in each table: dynamic dispatch.",
		`let all: Vec<Box<dyn Animal>> = vec![Box::new(Dog::new()), Box::new(Cat::new())];`,
		func(s *scene) {
			all := []animal{&dog{"Rex"}, cat{9}}
			s.main("", variable("all", &all))
		},
	},
	{
		"static-dispatch", "static dispatch; function template, code segment", "Static dispatch: a function, no table",
		"Both calls are bound when the program is compiled. The variables hold code, not data.",
		`fn add<T: Add<Output = T>>(a: T, b: T) -> T { a + b }
let f: fn(i32, i32) -> i32 = add;`,
		func(s *scene) {
			f, g := add[int32], add[float64]
			n, x := f(1, 2), g(1, 2)
			s.main("", variable("f", &f), variable("g", &g), variable("n", &n), variable("x", &x))
		},
	},
	{
		"generic-type", "class template", "A class template: a type for each argument",
		"pair[int8, int64] and pair[int32, int32] are two types with two layouts.",
		`struct Pair<A, B> { first: A, second: B }
// C++: template<class A, class B> struct Pair { A first; B second; };`,
		func(s *scene) {
			a := pair[int8, int64]{1, 2}
			b := pair[int32, int32]{1, 2}
			s.main("", variable("a", &a), variable("b", &b))
		},
	},
	{
		"without-virtual", "object without virtual", "An object without virtual functions: a base pointer into a derived object",
		"p points to the part that is base, in the middle of the object, and knows nothing of the rest.",
		`struct Base { int id; }; struct Weighted { long weight; };
struct Derived : Weighted, Base { int extra; };
Derived d; Base *p = &d;`,
		func(s *scene) {
			d := derived{weight: 70, base: base{1}, extra: 2}
			p := &d.base
			s.main("", variable("d", &d), variable("p", &p))
		},
	},
	{
		"with-virtual", "object with virtual, overriding", "Virtual functions and overriding",
		"The table of derived leads to its own Name; that of base to the other.",
		`struct Base { virtual string name(); };
struct Derived : Base { string name() override; };`,
		func(s *scene) {
			var b, d named = &base{1}, &derived{base: base{2}}
			s.main("", variable("b", &b), variable("d", &d))
		},
	},
	{
		"virtual-inheritance", "virtual inheritance", "Virtual inheritance: one part shared by two",
		"left and right have no base of their own. Both point to the same one.",
		`struct Base { int id; };
struct Left : virtual Base {}; struct Right : virtual Base {};
struct Both : Left, Right {};`,
		func(s *scene) {
			type left struct{ *base }
			type right struct{ *base }
			type both struct {
				left
				right
			}
			b := &base{7}
			x := both{left{b}, right{b}}
			s.main("", variable("x", &x))
		},
	},
}

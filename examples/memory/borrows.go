package main

import (
	"github.com/coderrange/ferrous/diagram"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
)

var inFrame = diagram.Frame

var borrows = []act{
	{
		"ownership", "ownership and move", "Ownership and move",
		"One owner at a time. The function gets the Box, and main has lost it.",
		`let s = Box::new(String::from("owned"));
take(s); // s is gone`,
		func(s *scene) {
			owned := rc.NewBox("owned")
			take := func(mine *rc.Box[string]) {
				s.show("in take", inFrame("main", variable("s", &owned)), inFrame("take", variable("mine", &mine)))
				mine.Drop()
			}
			take(owned.Move())
			s.main("after", variable("s", &owned))
		},
	},
	{
		"shared-borrow", "shared and mutable borrow", "Shared and mutable borrows",
		"The flag counts readers. While one reads nobody writes; a writer is alone.",
		`let c = RefCell::new(42);
let (r1, r2) = (c.borrow(), c.borrow());
drop((r1, r2));
*c.borrow_mut() += 1;`,
		func(s *scene) {
			c := refcell.New(int32(42))
			r1, r2 := c.Borrow(), c.Borrow()
			s.main("two readers", variable("c", &c), variable("r1", &r1), variable("r2", &r2))
			r1.Release()
			r2.Release()
			w := c.BorrowMut()
			*w.Ptr()++
			s.main("one writer", variable("c", &c), variable("r1", &r1), variable("w", &w))
			w.Release()
			s.main("free", variable("c", &c), variable("w", &w))
		},
	},
	{
		"longest", "lifetimes of longest", "Lifetimes: longest returns one of its arguments",
		"The result points at the same text as the longer argument: it must not outlive that.",
		`fn longest<'a>(a: &'a str, b: &'a str) -> &'a str { if a.len() > b.len() { a } else { b } }
let r = longest("long string is long", "xyz");`,
		func(s *scene) {
			longest := func(a, b string) string {
				if len(a) > len(b) {
					return a
				}
				return b
			}
			a, b := "long string is long", "xyz"
			r := longest(a, b)
			s.main("", variable("a", &a), variable("b", &b), variable("r", &r))
		},
	},
	{
		"raii", "RAII of a Vec and of a Box", "RAII: a value ends with its scope",
		"Drop at the end of the scope frees what the Box owns. In Go the scope ends with defer.",
		`{
    let v = Box::new(vec![1, 2, 3]);
} // freed here`,
		func(s *scene) {
			v := rc.NewBox([]int32{1, 2, 3})
			func() {
				defer v.Drop()
				s.main("in the scope", variable("v", &v))
			}()
			s.main("behind it", variable("v", &v))
		},
	},
	{
		"shadowing", "shadowing", "Shadowing",
		"The second x is a new variable, also of a new type. The first is still there, without a name.",
		`let x = 5;
let first = &x;
let x = "five";`,
		func(s *scene) {
			x := int32(5)
			first := &x
			{
				x := "five"
				s.main("", variable("x (first)", first), variable("first", &first), variable("x", &x))
			}
		},
	},
	{
		"three-levels", "a Box passed on: 7000, 6000, 500", "A Box passed on: three levels",
		"A pointer to a pointer to the Box's value: each arrow is one word to be followed.",
		`let b = Box::new(500);
let r: &Box<i32> = &b;
let rr: &&Box<i32> = &r;`,
		func(s *scene) {
			n := new(int32)
			*n = 500
			b := &n
			r := &b
			s.main("", variable("value", &n), variable("b", &b), variable("r", &r))
		},
	},
	{
		"returning", "returning ownership, returning a borrow", "Returning ownership, returning a borrow",
		"make gives the Box to its caller. first lends what its argument owns: an arrow into it.",
		`fn make() -> Box<Vec<i32>> { Box::new(vec![1, 2]) }
fn first(v: &Vec<i32>) -> &i32 { &v[0] }
let b = make();
let f = first(&b);`,
		func(s *scene) {
			produce := func() *rc.Box[[]int32] { return rc.NewBox([]int32{1, 2}) }
			first := func(v *[]int32) *int32 { return &(*v)[0] }
			b := produce()
			f := first(b.Ptr())
			s.main("", variable("b", &b), variable("f", &f))
			b.Drop()
		},
	},
	{
		"struct-lifetime", "explicit and implicit lifetimes", "A struct that holds a reference",
		"Excerpt is a view: its part lies in the text of the book.",
		`struct Excerpt<'a> { part: &'a str }
let book = String::from("Call me Ishmael. Some years ago");
let e = Excerpt { part: &book[..16] };`,
		func(s *scene) {
			type Excerpt struct{ part string }
			book := "Call me Ishmael. Some years ago"
			e := Excerpt{book[:16]}
			s.main("", variable("book", &book), variable("e", &e))
		},
	},
	{
		"pin", "Pin", "Pin: a value that points into itself",
		"self leads into the value. A copy has the old address in it: that is why such a type must not be copied, as go vet says of one with a Lock method.",
		`struct SelfRef { data: i32, ptr: *const i32 } // pinned`,
		func(s *scene) {
			type SelfRef struct {
				data int32
				self *int32
			}
			a := SelfRef{data: 1}
			a.self = &a.data
			b := a
			b.data = 2
			s.main("the copy b points into a", variable("a", &a), variable("b", &b))
		},
	},
}

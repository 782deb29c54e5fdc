package main

import (
	"strings"
	"unsafe"

	"github.com/coderrange/ferrous/rc"
)

var basics = []act{
	{
		"bytes", "i32 and i8 bytes", "An i32 and an i8 in memory",
		"Four bytes and one, the least significant byte first on this processor.",
		`let i: i32 = 258;
let x: i8 = 5;`,
		func(s *scene) {
			i, x := int32(258), int8(5)
			s.main("", variable("i", &i), variable("x", &x))
		},
	},
	{
		"raw-pointer", "raw pointer to x", "A pointer holds an address",
		"p is a word of its own. What is in it is where x lies.",
		`let x = 10;
let p = &x as *const i32;`,
		func(s *scene) {
			x := int32(10)
			p := &x
			s.main("", variable("x", &x), variable("p", &p))
		},
	},
	{
		"two-pointers", "two pointers, one datum", "Two pointers, one datum",
		"Both hold the same address, so both see a change.",
		`let mut x = 10;
let p1 = &mut x as *mut i32;
let p2 = p1;
unsafe { *p2 = 20 };`,
		func(s *scene) {
			x := int32(10)
			p1 := &x
			p2 := p1
			s.main("before", variable("x", &x), variable("p1", &p1), variable("p2", &p2))
			*p2 = 20
			s.main("after *p2 = 20", variable("x", &x), variable("p1", &p1), variable("p2", &p2))
		},
	},
	{
		"str", "&str in read-only data", "A &str points into read-only data",
		"The text of a literal is part of the program. The variable is a pointer and a length.",
		`let name: &str = "a string literal of coderrange";`,
		func(s *scene) {
			name := "a string literal of coderrange"
			s.main("", variable("name", &name))
		},
	},
	{
		"box-move", "Box before and after the move", "A Box before and after the move",
		"The value stays where it is. After the move only b2 owns it, and b1 refuses every use.",
		`let b1 = Box::new(500);
let b2 = b1;`,
		func(s *scene) {
			b1 := rc.NewBox(int32(500))
			var b2 *rc.Box[int32]
			s.main("before", variable("b1", &b1))
			b2 = b1.Move()
			s.main("after", variable("b1", &b1), variable("b2", &b2))
			b2.Drop()
		},
	},
	{
		"string-push", "String header and push_str", "A String header, and push_str",
		"Pointer, length and capacity. While the capacity is enough, only the length changes; then the text moves.",
		`let mut s = String::with_capacity(8);
s.push_str("rust");
s.push_str("acean and gopher");`,
		func(s *scene) {
			b := make([]byte, 0, 8)
			s.main("empty", variable("s", &b))
			b = append(b, "rust"...)
			s.main("it fits", variable("s", &b))
			b = append(b, "acean and gopher"...)
			s.main("it moved", variable("s", &b))
		},
	},
	{
		"reference-raw", "reference against raw pointer", "A reference against a raw pointer",
		"Both are one word. The difference is what the language promises: unsafe.Pointer has no type to draw.",
		`let x = 7;
let r: &i32 = &x;
let p: *const i32 = &x;`,
		func(s *scene) {
			x := int32(7)
			r := &x
			p := unsafe.Pointer(&x)
			s.main("", variable("x", &x), variable("r", &r), variable("p", &p))
		},
	},
	{
		"string-shared", "&str of a String", "A part of a string shares its bytes",
		"word points into text: no byte is copied.",
		`let text = String::from("hello, memory diagrams");
let word = &text[7..13];`,
		func(s *scene) {
			text := strings.Clone("hello, memory diagrams")
			word := text[7:13]
			s.main("", variable("text", &text), variable("word", &word))
		},
	},
}

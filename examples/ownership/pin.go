package main

import (
	"fmt"
	"strings"

	"github.com/coderrange/ferrous/rc"
)

// A sentence points into itself: its first word is part of its text. So it must stay
// where it is, as a Pin has it in Rust. The field of type noCopy lets go vet refuse a
// copy: "assignment copies lock value"; testdata/pin.go.txt shows it.
type sentence struct {
	_     noCopy
	text  [11]byte
	first []byte // of text
}

// noCopy is what go vet takes for a lock.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

func newSentence(text string) *sentence {
	s := new(sentence)
	copy(s.text[:], text)
	s.first = s.text[:5]
	return s
}

// duplicate copies any value. That it may be a sentence is hidden from go vet.
func duplicate[T any](v *T) T { return *v }

func pinned(w *strings.Builder) {
	s := newSentence("hello world")
	moved := duplicate(s)
	copy(s.text[:], "HELLO")
	copy(moved.text[:], "moved")
	fmt.Fprintf(w, "the original: %s, first word %s\n", s.text, s.first)
	fmt.Fprintf(w, "the copy: %s, first word %s\n", moved.text, moved.first)

	// Our own types know their place, and refuse to be used at another.
	a := rc.New(1)
	b := duplicate(a)
	fmt.Fprintln(w, refusal(func() { b.Clone() }))
	a.Drop()
}

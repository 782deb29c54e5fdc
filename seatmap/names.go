package seatmap

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// This file says which texts are names; see the package comment.

// checkName returns an error that wraps invalid if the text is not a name.
func checkName(text string, invalid error) error {
	if isPlain(text) {
		return nil
	}
	return checkRunes(text, invalid)
}

// checkRunes is checkName for any text.
func checkRunes(text string, invalid error) error {
	if text == "" || len(text) > MaxName {
		return fmt.Errorf("%w: %d bytes, not 1 to %d", invalid, len(text), MaxName)
	}
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return fmt.Errorf("%w: not UTF-8 at byte %d", invalid, i)
			}
		}
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: control character %U at byte %d", invalid, r, i)
		}
	}
	return nil
}

// checkEvent returns an error if the text is not the name of an event.
func checkEvent(name string) error {
	if err := checkName(name, ErrInvalidEvent); err != nil {
		return err
	}
	for i := range len(name) {
		if name[i] == '{' || name[i] == '}' {
			return fmt.Errorf("%w: %q at byte %d", ErrInvalidEvent, name[i], i)
		}
	}
	return nil
}

// isPlain reports whether the text is a name all of whose bytes are from 0x20 to
// 0x7E. Most names are, and every request with a user has to know. So isPlain looks
// at eight bytes at a time.
func isPlain(text string) bool {
	n := len(text)
	switch {
	case uint(n-8) <= MaxName-8:
		for i := 0; i < n-8; i += 8 {
			if !plainWord(half(text[i:]) | half(text[i+4:])<<32) {
				return false
			}
		}
		return plainWord(half(text[n-8:]) | half(text[n-4:])<<32)
	case n > MaxName || n == 0:
		return false
	case n >= 4:
		return plainWord(half(text) | half(text[n-4:])<<32)
	}
	return plainWord(uint64(text[0]) | uint64(text[n/2])<<8 | uint64(text[n-1])<<16 | 0x2020202020<<24)
}

// half returns the first four bytes of the text; the compiler makes it one load.
func half(text string) uint64 {
	_ = text[3]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24
}

// plainWord reports whether all eight bytes are from 0x20 to 0x7E: none has its high
// bit set, none gets it by subtracting 0x20, and none by adding 1. (A borrow or carry
// changes the byte above only, and comes from a byte that is out of range itself.)
func plainWord(w uint64) bool {
	const ones = 0x0101010101010101
	return (w|(w-0x20*ones)|(w+ones))&(0x80*ones) == 0
}

package sample

import "testing"

func TestClamp(t *testing.T) {
	if Clamp(1, 2, 4) != 2 || Clamp(3, 2, 4) != 3 || Clamp(5, 2, 4) != 4 {
		t.Error("clamped badly")
	}
}

func TestBoth(t *testing.T) {
	n := 0
	if !Both(2, 4, &n) || Both(2, 3, &n) || Both(3, 2, &n) || n != 1 {
		t.Error("counted badly")
	}
}

func TestLonger(t *testing.T) {
	if !Longer() {
		t.Error("a second is short")
	}
}

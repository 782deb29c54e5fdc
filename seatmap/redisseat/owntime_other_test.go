//go:build !unix

package redisseat_test

func ownTime() float64 { return 0 }

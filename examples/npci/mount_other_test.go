//go:build unix && !linux

package main

import (
	"errors"
	"testing"
)

func mount(*testing.T, string, string) error { return errors.ErrUnsupported }

package seattest

import (
	"context"
	"fmt"

	"github.com/coderrange/ferrous/seatmap"
)

// Names returns the names of all checks.
func Names() (names []string) {
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Check runs one check of a store.
func Check(ctx context.Context, o Options, store seatmap.Store, name string) error {
	for _, one := range checks {
		if one.name == name {
			return one.run(newSession(ctx, o, store))
		}
	}
	return fmt.Errorf("no check %q", name)
}

// Methods returns the names of the methods that the check of precedence calls.
func Methods() (names []string) {
	for name := range calls(Lacks{}) {
		names = append(names, name)
	}
	return names
}

// Needs reports whether a check needs something of Options.
func Needs(name string) bool {
	for _, one := range checks {
		if one.name == name {
			return one.needs != nil && !one.needs(Options{})
		}
	}
	return true
}

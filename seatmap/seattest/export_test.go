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

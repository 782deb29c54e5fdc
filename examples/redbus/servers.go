package main

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/seatmap"
)

// servers are the versions whose store is a server, and how each is started. They are not
// among [versions], which tests run in fake time.
var servers = map[string]func(ctx context.Context) (*server, error){
	"redis":    runRedis,
	"postgres": runPostgres,
}

// serverStore is a seatmapStore whose seats are those of a server, in an event of their
// own, so that several simulations can share the server.
type serverStore struct{ *seatmapStore }

// maxClients is how many users come at the same time, unless -workers says otherwise. More
// only wait, until some have waited for as long as a call may take.
const maxClients = 1000

// checkStore checks the flag -store of a simulation.
func (o *options) checkStore() error {
	_, isServer := servers[o.version]
	scheme, _, _ := strings.Cut(o.store, "://") // what follows may be a password
	if scheme == "rediss" || scheme == "postgresql" {
		scheme = map[string]string{"rediss": "redis", "postgresql": "postgres"}[scheme]
	}
	switch {
	case o.store != "" && !isServer:
		return program.Usagef("-store is for -version redis and -version postgres")
	case o.store != "" && scheme != o.version:
		return program.Usagef("-store is not the URL of a server for -version %s", o.version)
	case isServer && o.hold%time.Microsecond != 0:
		return program.Usagef("-hold %v is not a number of microseconds, in which servers count", o.hold)
	}
	return nil
}

// withServer calls f with the version whose store is the server at o.store, or one that
// runs for as long as f.
func withServer(ctx context.Context, o options, f func(version) error) (err error) {
	url := o.store
	if url == "" {
		s, err := servers[o.version](ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.end()) }()
		url = s.url
	}
	return f(version{o.version, func(c config, labels []string) (store, error) {
		seats, err := serving{store: url}.open(ctx)
		if err != nil {
			return nil, err
		}
		s, err := openStore(seats, bus+"-"+strings.ToLower(crand.Text()), "", c, labels)
		if err != nil {
			return nil, err
		}
		return serverStore{s}, nil
	}})
}

// close removes the event.
func (s serverStore) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := s.seats.Remove(ctx, seatmap.RemoveRequest{Event: s.event})
	return errors.Join(err, s.seatmapStore.close())
}

// clients returns how many users come at the same time, or 0 for a whole wave.
func (s *simulation) clients() int {
	switch s.store.(type) {
	case threadStore:
		return min(cmp.Or(s.workers, maxThreads), maxThreads)
	case serverStore:
		return cmp.Or(s.workers, maxClients)
	}
	return s.workers
}

// notInstalled is the error of a program that is not there.
func notInstalled(program, pkg, version string, err error) error {
	return fmt.Errorf("%w: install %s (Debian: apt-get install %s), or name a server with -store %s://…", err, program, pkg, version)
}

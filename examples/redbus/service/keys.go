package service

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// Anyone is the user who may do what operators do in a service without [Keys].
const Anyone = "operator"

// Keys is who may call the service. It keeps hashes of the keys only.
type Keys struct {
	callers map[[sha256.Size]byte]caller
}

// A caller is who sends a request.
type caller struct {
	user     string
	operator bool
}

// ParseKeys reads keys, one in each line as
//
//	user     alice  3f1e…
//	operator desk1  a09c…
//
// A key is 20 bytes or longer. Lines that are empty or begin with # do not count.
func ParseKeys(r io.Reader) (*Keys, error) {
	k := &Keys{map[[sha256.Size]byte]caller{}}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "user" && f[0] != "operator" {
			return nil, fmt.Errorf("line %d is not: user or operator, name, key", n)
		}
		if len(f[2]) < 20 {
			return nil, fmt.Errorf("line %d: the key is shorter than 20 bytes", n)
		}
		hash := sha256.Sum256([]byte(f[2]))
		if _, known := k.callers[hash]; known {
			return nil, fmt.Errorf("line %d: the key is there twice", n)
		}
		k.callers[hash] = caller{user: f[1], operator: f[0] == "operator"}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(k.callers) == 0 {
		return nil, fmt.Errorf("there is no key")
	}
	return k, nil
}

// LogValue returns how many keys there are.
func (k *Keys) LogValue() slog.Value {
	if k == nil {
		return slog.StringValue("none: each name is a key")
	}
	return slog.StringValue(fmt.Sprintf("%d keys", len(k.callers)))
}

// caller returns who has the key. It looks the hash of the key up, so that its time
// tells nothing about keys that are nearly right.
func (k *Keys) caller(key string) (c caller, known bool) {
	if k == nil {
		return caller{user: key, operator: key == Anyone}, true
	}
	c, known = k.callers[sha256.Sum256([]byte(key))]
	return c, known
}

type callerKey struct{}

// identify lets those requests through that have a key, for [Options.Timeout]. An
// EventSource of a browser cannot send header fields; it has no need to: streams are for
// everyone.
func (s *Service) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || key == "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="seats"`)
			errUnauthorized.write(w)
			return
		}
		c, known := s.o.Keys.caller(key)
		if !known {
			w.Header().Set("WWW-Authenticate", `Bearer realm="seats", error="invalid_token"`)
			errUnauthorized.write(w)
			return
		}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), callerKey{}, c), s.o.Timeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// callerOf returns who has sent a request that identify let through.
func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

func callerName(r *http.Request) string { return callerOf(r).user }

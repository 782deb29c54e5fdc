// Command cache reads pages through a cache. Many readers ask for few pages often and
// for many seldom. A page lives in a frame, of which there are a fixed number; the
// last one who has a page gives its frame back.
//
//	cache -keys 2000 -keep 200 -readers 32
//
// Where to look:
//
//	concept                              here
//	Arc with a destructor                cache.go: fetch; pages.release
//	Weak that keeps nothing alive        cache.go: entry, find, forget
//	one load for all who ask             cache.go: Get; task.Flight
//	Mutex that owns what it guards       cache.go: known
//	Semaphore and its permits            main.go: pages
//	scope that the first error ends      main.go: read; task.WithGroup
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/sema"
	"github.com/coderrange/ferrous/task"
)

func main() { program.Main("cache", run) }

func run(ctx context.Context, args []string, out io.Writer) error {
	var gets, keys, keep, readers int
	flags := program.NewFlags("cache", "cache [flags]")
	flags.Int(&gets, "gets", 20_000, 0, 1_000_000_000, "how many pages are asked for")
	flags.Int(&keys, "keys", 2000, 1, 1_000_000, "how many pages there are")
	flags.Int(&keep, "keep", 200, 1, 1_000_000, "how many pages the cache keeps")
	flags.Int(&readers, "readers", 32, 1, 10_000, "how many ask at once")
	goOn, err := flags.Parse(args, out)
	if err != nil || !goOn {
		return err
	}
	// Each reader has one page at most: with so many frames nobody waits for long.
	frames := int64(keep + readers)
	p := pages{sema.NewSemaphore(frames)}
	cache := NewCache(keep, p.load, p.release)
	err = read(ctx, cache, gets, keys, readers)
	cache.Close()
	if err != nil {
		return err
	}
	if free := p.frames.Available(); free != frames {
		return fmt.Errorf("%d of %d frames were not given back", frames-free, frames)
	}
	s := &cache.stats
	_, err = fmt.Fprintf(out, "%d found; %d missed, for which %d were loaded; %d evicted\nall %d frames are back\n",
		s.Found.Load(), s.Missed.Load(), s.Loaded.Load(), s.Evicted.Load(), frames)
	return err
}

// read has the readers ask for their pages. The first error ends all.
func read(ctx context.Context, cache *Cache[page], gets, keys, readers int) error {
	return task.WithGroup(ctx, readers, func(s *task.Scope) error {
		for i := range readers {
			s.SpawnErr(func(ctx context.Context) error {
				key := rand.NewZipf(rand.New(rand.NewPCG(1, uint64(i))), 1.1, 1, uint64(keys-1))
				for n := i; n < gets; n += readers {
					if err := readPage(ctx, cache, strconv.FormatUint(key.Uint64(), 10)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	})
}

// readPage reads one page and looks whether it is the right one.
func readPage(ctx context.Context, cache *Cache[page], key string) error {
	a, err := cache.Get(ctx, key)
	if err != nil {
		return err
	}
	defer a.Drop()
	if got := a.Ptr(); got.text != "page "+key {
		return fmt.Errorf("asked for page %s, got %q", key, got.text)
	}
	return ctx.Err()
}

// A page is what the cache keeps: a text, and the frame that it is in.
type page struct {
	text  string
	frame sema.Permit
}

// pages is a slow disk and a fixed number of frames.
type pages struct{ frames *sema.Semaphore }

// load waits for a frame and reads a page into it.
func (p pages) load(ctx context.Context, key string) (page, error) {
	frame, err := p.frames.Acquire(ctx, 1)
	if err != nil {
		return page{}, err
	}
	select {
	case <-time.After(time.Millisecond):
		return page{"page " + key, frame}, nil
	case <-ctx.Done():
		frame.Release()
		return page{}, context.Cause(ctx)
	}
}

// release gives the frame of a page back.
func (pages) release(v page) { v.frame.Release() }

// Command workerpool sends jobs to a pool of workers: main sends, a dispatcher
// hands each job to a worker, and closing the channel, Rust's drop(tx), ends
// everything.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/coderrange/ferrous/task"
)

func main() {
	jobs := flag.Int("jobs", 20, "how many jobs to send")
	workers := flag.Int("workers", 4, "how many workers there are")
	flag.Parse()
	if *jobs < 0 || *workers <= 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "workerpool: -jobs must not be negative, -workers must be positive, and nothing may follow the flags")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Stdout, *jobs, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "workerpool:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, jobs, workers int) error {
	return task.WithScope(ctx, func(s *task.Scope) error {
		tx := make(chan int)
		dispatcher := task.Spawn(s, func(ctx context.Context) (int, error) { return dispatch(ctx, out, tx, workers) })
		for job := 1; job <= jobs; job++ {
			select {
			case tx <- job:
			case <-dispatcher.Done(): // it failed: Join says why
			}
		}
		close(tx) // drop(tx)
		// Also when ctx is done: the dispatcher may be printing.
		done, err := dispatcher.Join(context.WithoutCancel(ctx))
		_, _ = fmt.Fprintf(out, "all senders are gone: %d jobs done, the pool is closed\n", done)
		return err
	})
}

// dispatch hands each job to a worker until rx is closed, and prints the results
// in the order of the jobs.
func dispatch(ctx context.Context, out io.Writer, rx <-chan int, workers int) (done int, err error) {
	pool := task.NewPool(ctx, task.PoolOptions{Workers: workers, Queue: workers})
	defer pool.Close()
	var results []*task.Handle[string]
	for job := range rx {
		h, err := task.Submit(ctx, pool, func(context.Context) (string, error) { return work(job), nil })
		if err != nil {
			return done, err
		}
		results = append(results, h)
	}
	for _, h := range results {
		line, err := h.Join(ctx)
		if err != nil {
			return done, err
		}
		_, _ = fmt.Fprintln(out, line)
		done++
	}
	return done, nil
}

// work is what a worker does with a job.
func work(job int) string {
	sum := 0
	for i := range job + 1 {
		sum += i * i
	}
	return fmt.Sprintf("job %2d: the squares up to it make %d", job, sum)
}

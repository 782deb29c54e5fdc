// Command workerpool sends jobs to a pool of workers: main sends, a dispatcher
// hands each job to a worker, and closing the channel, Rust's drop(tx), ends
// everything.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/task"
)

const (
	maxJobs    = 1_000_000
	maxWorkers = 10_000
)

func main() { program.Main("workerpool", command) }

func command(ctx context.Context, args []string, out io.Writer) error {
	var jobs, workers int
	flags := program.NewFlags("workerpool", "workerpool [flags]")
	flags.Int(&jobs, "jobs", 20, 0, maxJobs, "how many jobs to send")
	flags.Int(&workers, "workers", 4, 1, maxWorkers, "how many workers there are")
	goOn, err := flags.Parse(args, out)
	if err != nil || !goOn {
		return err
	}
	return run(ctx, out, jobs, workers)
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
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "all senders are gone: %d jobs done, the pool is closed\n", done)
		return err
	})
}

// dispatch hands each job to a worker until rx is closed, and prints the results
// in the order of the jobs.
func dispatch(ctx context.Context, out io.Writer, rx <-chan int, workers int) (done int, err error) {
	pool := task.NewPool(ctx, task.PoolOptions{Workers: workers, Queue: workers})
	defer func() { err = errors.Join(err, pool.Close()) }()
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
		if _, err := fmt.Fprintln(out, line); err != nil {
			return done, err
		}
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

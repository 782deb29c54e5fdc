// Command workerpool sends jobs to a pool of workers, in two versions.
//
// With -version channel main sends into a channel, a dispatcher hands each job to
// a worker, and closing the sender, Rust's drop(tx), ends everything. This is
// right when jobs come from several senders, or from elsewhere, that want no
// answer: the end of the last sender is the end of the work.
//
// With -version pool main gives each job to a task.Pool, whose queue is bounded,
// and gets a handle. This is right when the one who has a job also wants its
// result: there is no channel and no dispatcher to get wrong.
//
// Where to look:
//
//	concept                               here
//	main sends 20 jobs                    main.go: run, command
//	a dispatcher hands each to a worker   main.go: dispatch
//	drop(tx) closes the pool              main.go: run; channel.Sender
//	a pool alone                          main.go: runPool; task.Pool
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/coderrange/ferrous/channel"
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
	var version string
	flags := program.NewFlags("workerpool", "workerpool [flags]")
	flags.Int(&jobs, "jobs", 20, 0, maxJobs, "how many jobs to send")
	flags.Int(&workers, "workers", 4, 1, maxWorkers, "how many workers there are")
	flags.OneOf(&version, "version", "channel", []string{"channel", "pool"}, "how jobs come to workers")
	goOn, err := flags.Parse(args, out)
	if err != nil || !goOn {
		return err
	}
	if version == "pool" {
		return runPool(ctx, out, jobs, workers)
	}
	return run(ctx, out, jobs, workers)
}

// run is the version with a channel and a dispatcher.
func run(ctx context.Context, out io.Writer, jobs, workers int) error {
	return task.WithScope(ctx, func(s *task.Scope) error {
		tx, rx := channel.New[int](workers)
		dispatcher := task.Spawn(s, func(ctx context.Context) (int, error) { return dispatch(ctx, out, rx, workers) })
		for job := 1; job <= jobs; job++ {
			if tx.Send(ctx, job) != nil { // the dispatcher has ended: Join says why
				break
			}
		}
		tx.Close() // drop(tx)
		// Also when ctx is done: the dispatcher may be printing.
		done, err := dispatcher.Join(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "all senders are gone: %d jobs done, the pool is closed\n", done)
		return err
	})
}

// dispatch hands each job to a worker until the senders are gone, and prints the
// results in the order of the jobs.
func dispatch(ctx context.Context, out io.Writer, rx *channel.Receiver[int], workers int) (done int, err error) {
	defer rx.Close() // a sender that is still there is then refused
	set := task.NewSet[string](ctx, workers)
	defer func() { err = errors.Join(err, set.Close()) }()
	for {
		job, err := rx.Recv(ctx)
		if errors.Is(err, channel.ErrClosed) {
			break
		}
		if err != nil {
			return done, err
		}
		set.Spawn(func(context.Context) (string, error) { return work(job), nil })
	}
	for line, err := range set.Ordered(ctx) {
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

// runPool is the version with a task.Pool alone.
func runPool(ctx context.Context, out io.Writer, jobs, workers int) (err error) {
	pool := task.NewPool(ctx, task.PoolOptions{Workers: workers, Queue: workers})
	defer func() { err = errors.Join(err, pool.Close()) }()
	results := make([]*task.Handle[string], jobs)
	for i := range results {
		// Submit waits for room in the queue.
		if results[i], err = task.Submit(ctx, pool, func(context.Context) (string, error) { return work(i + 1), nil }); err != nil {
			return err
		}
	}
	for _, h := range results {
		line, err := h.Join(ctx)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "all jobs are joined: %d jobs done, the pool is closed\n", jobs)
	return err
}

// work is what a worker does with a job.
func work(job int) string {
	sum := 0
	for i := range job + 1 {
		sum += i * i
	}
	return fmt.Sprintf("job %2d: the squares up to it make %d", job, sum)
}

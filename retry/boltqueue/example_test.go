package boltqueue_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/boltqueue"
)

type mail struct{ To, Subject string }

// A job that was accepted is in the file, also if the process is killed before it is
// handled.
func Example() {
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := boltqueue.Open(filepath.Join(dir, "outbox.db"), boltqueue.Options[mail]{})
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = store.Close() }() // after the queue has ended
	ctx, stop := context.WithCancel(context.Background())
	queue := retry.NewQueue(retry.QueueOptions[mail]{
		Store: store,
		Handle: func(_ context.Context, job retry.Job[mail]) error {
			fmt.Printf("%s: %s to %s\n", job.Key, job.Value.Subject, job.Value.To)
			stop()
			return nil
		},
	})
	if _, err := queue.Enqueue(ctx, "welcome-7", mail{"ann@example.org", "Welcome"}, 0); err != nil {
		log.Panic(err)
	}
	fmt.Println(queue.Run(ctx))
	// Output:
	// welcome-7: Welcome to ann@example.org
	// <nil>
}

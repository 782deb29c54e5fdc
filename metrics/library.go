package metrics

import (
	"context"
	"math"
	"time"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/sema"
	"github.com/coderrange/ferrous/task"
)

// A Lener has a length, as a [task.Scope], a [task.Flight] and a [limit.Keyed] have.
type Lener interface{ Len() int }

// An End is an end of a channel, such as a [channel.Sender] or a
// [channel.BroadcastReceiver].
type End interface {
	Lener
	Cap() int
	SenderCount() int
	ReceiverCount() int
}

// Channel collects the length, the capacity and the numbers of ends of a channel. The end
// that it reads stays the caller's. A closed end still has its numbers.
func Channel(name string, end End) *Collector {
	c := newCollector("channel", name, end)
	messages := c.gauge("ferrous_channel_messages", "How many messages wait to be received.")
	capacity := c.gauge("ferrous_channel_capacity_messages", "How many messages the channel can hold; +Inf if it is unbounded.")
	senders := c.gauge("ferrous_channel_senders", "How many senders are open.")
	receivers := c.gauge("ferrous_channel_receivers", "How many receivers are open.")
	c.read = func(emit func(*desc, float64, ...string)) {
		emit(messages, float64(end.Len()))
		room := float64(end.Cap())
		if end.Cap() == channel.Unbounded {
			room = math.Inf(1)
		}
		emit(capacity, room)
		emit(senders, float64(end.SenderCount()))
		emit(receivers, float64(end.ReceiverCount()))
	}
	return c
}

// Pool collects the counts of a pool.
func Pool(name string, p *task.Pool) *Collector {
	c := newCollector("pool", name, p)
	workers := c.gauge("ferrous_task_pool_workers", "How many tasks may run at once.")
	goroutines := c.gauge("ferrous_task_pool_goroutines", "How many goroutines the pool has.")
	running := c.gauge("ferrous_task_pool_running_tasks", "How many tasks have begun and not ended.")
	queued := c.gauge("ferrous_task_pool_queued_tasks", "How many accepted tasks have not begun.")
	waiting := c.gauge("ferrous_task_pool_waiting_callers", "How many callers wait until a task is accepted.")
	submitted := c.counter("ferrous_task_pool_submitted_total", "How many tasks were accepted.")
	ended := c.counter("ferrous_task_pool_ended_total", "How many tasks have ended, by result: ok, error or panic.", "result")
	c.read = func(emit func(*desc, float64, ...string)) {
		s := p.Stats()
		emit(workers, float64(s.Workers))
		emit(goroutines, float64(s.Goroutines))
		emit(running, float64(s.Running))
		emit(queued, float64(s.Queued))
		emit(waiting, float64(s.Waiting))
		emit(submitted, float64(s.Submitted))
		emit(ended, float64(s.Succeeded), "ok")
		emit(ended, float64(s.Failed), "error")
		emit(ended, float64(s.Panicked), "panic")
	}
	return c
}

// Tasks collects how many tasks there are in a [task.Scope], [task.Set], [task.JoinMap] or
// [task.Flight].
func Tasks(name string, of Lener) *Collector {
	c := newCollector("tasks", name, of)
	tasks := c.gauge("ferrous_task_tasks", "How many tasks have not ended.")
	c.read = func(emit func(*desc, float64, ...string)) { emit(tasks, float64(of.Len())) }
	return c
}

// Keyed collects how many keys a [limit.Keyed] has.
func Keyed(name string, of Lener) *Collector {
	c := newCollector("keyed", name, of)
	keys := c.gauge("ferrous_limit_keys", "How many keys a keyed limit has.")
	c.read = func(emit func(*desc, float64, ...string)) { emit(keys, float64(of.Len())) }
	return c
}

// Concurrency collects the bound, and how much runs and waits.
func Concurrency(name string, of *limit.Concurrency) *Collector {
	c := newCollector("concurrency", name, of)
	most := c.gauge("ferrous_limit_concurrency", "How much may run at once.")
	running := c.gauge("ferrous_limit_running", "How much runs.")
	waiting := c.gauge("ferrous_limit_waiting", "How many callers wait.")
	c.read = func(emit func(*desc, float64, ...string)) {
		s := of.Stats()
		emit(most, float64(s.Limit))
		emit(running, float64(s.Running))
		emit(waiting, float64(s.Waiting))
	}
	return c
}

// Semaphore collects how many permits are free.
func Semaphore(name string, of *sema.Semaphore) *Collector {
	c := newCollector("semaphore", name, of)
	free := c.gauge("ferrous_sema_free_permits", "How many permits are free.")
	c.read = func(emit func(*desc, float64, ...string)) { emit(free, float64(of.Available())) }
	return c
}

// A Lock is an [arcmutex.Mutex] or an [arcmutex.RWMutex] of any type.
type Lock interface {
	IsLocked() bool
	IsPoisoned() bool
}

// Mutex collects the state of a lock: whether it is locked, by how many readers if it is an
// [arcmutex.RWMutex], and whether it is poisoned.
func Mutex(name string, of Lock) *Collector {
	c := newCollector("mutex", name, of)
	locked := c.gauge("ferrous_arcmutex_locked", "Whether the lock is held at the moment: 1 or 0.")
	readers := c.gauge("ferrous_arcmutex_readers", "How many readers hold the lock.")
	poisoned := c.gauge("ferrous_arcmutex_poisoned", "Whether the lock is poisoned: 1 or 0.")
	shared, isShared := of.(interface{ Readers() int })
	c.read = func(emit func(*desc, float64, ...string)) {
		emit(locked, oneIf(of.IsLocked()))
		if isShared {
			emit(readers, float64(shared.Readers()))
		}
		emit(poisoned, oneIf(of.IsPoisoned()))
	}
	return c
}

// Budget collects the balance of a budget of retries.
func Budget(name string, of *retry.Budget) *Collector {
	c := newCollector("budget", name, of)
	balance := c.gauge("ferrous_retry_budget_retries", "How many retries the budget has left.")
	most := c.gauge("ferrous_retry_budget_max_retries", "How many retries a full budget has.")
	c.read = func(emit func(*desc, float64, ...string)) {
		s := of.Stats()
		emit(balance, s.Balance)
		emit(most, float64(s.Max))
	}
	return c
}

// Hedge collects how many copies a hedge started.
func Hedge(name string, of *retry.Hedge) *Collector {
	c := newCollector("hedge", name, of)
	copies := c.counter("ferrous_retry_hedge_copies_total", "How many copies of slow calls were started.")
	wins := c.counter("ferrous_retry_hedge_wins_total", "How many of the copies were the first to succeed.")
	c.read = func(emit func(*desc, float64, ...string)) {
		s := of.Stats()
		emit(copies, float64(s.Copies))
		emit(wins, float64(s.Wins))
	}
	return c
}

// Detach collects how many operations were left behind.
func Detach(name string, of *retry.Detach) *Collector {
	c := newCollector("detach", name, of)
	running := c.gauge("ferrous_retry_detach_running_operations", "How many operations that were left behind still run.")
	total := c.counter("ferrous_retry_detach_operations_total", "How many operations were left behind.")
	c.read = func(emit func(*desc, float64, ...string)) {
		s := of.Stats()
		emit(running, float64(s.Abandoned))
		emit(total, float64(s.Total))
	}
	return c
}

// A QueueStater is a [retry.Queue] or its store.
type QueueStater interface {
	Stats(ctx context.Context) (retry.QueueStats, error)
}

// timeout is how long a collector waits for a store.
const timeout = 2 * time.Second

// Queue collects how many jobs of a queue are in each state. It asks the queue's store each
// time, for two seconds at most.
func Queue(name string, of QueueStater) *Collector {
	c := newCollector("queue", name, of)
	jobs := c.gauge("ferrous_retry_queue_jobs", "How many jobs are in each state: waiting, claimed or dead.", "state")
	events := c.gauge("ferrous_retry_queue_events", "How many events are to be delivered.")
	c.read = func(emit func(*desc, float64, ...string)) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		s, err := of.Stats(ctx)
		if err != nil {
			c.failures.Add(1)
			return
		}
		emit(jobs, float64(s.Waiting), "waiting")
		emit(jobs, float64(s.Claimed), "claimed")
		emit(jobs, float64(s.Dead), "dead")
		emit(events, float64(s.Events))
	}
	return c
}

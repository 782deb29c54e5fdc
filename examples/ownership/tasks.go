package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
	"github.com/coderrange/ferrous/task"
)

// together runs n tasks and waits for all, as thread::scope does.
func together(n int, f func(i int)) {
	_ = task.WithScope(context.Background(), func(s *task.Scope) error { // f has no error
		for i := range n {
			s.SpawnErr(func(context.Context) error { f(i); return nil })
		}
		return nil
	})
}

func goroutines(w *strings.Builder) {
	a := arcmutex.NewArcDrop(42, func(*int) { fmt.Fprintln(w, "freed by the last goroutine") })
	var mine [3]*arcmutex.Arc[int]
	for i := range mine {
		mine[i] = a.Clone()
	}
	a.Drop()
	together(len(mine), func(i int) {
		defer mine[i].Drop()
		_ = *mine[i].Ptr()
	})
}

// moves is thread::spawn(move || …) and handle.join().
func moves(w *strings.Builder) {
	x := 5
	{
		x := x * 2 // another variable of that name, until the end of the block
		fmt.Fprintf(w, "inner x = %d\n", x)
	}
	fmt.Fprintf(w, "outer x = %d\n", x)

	b := rc.NewBox("a letter")
	moved := b.Move() // before the task begins: b is no longer of use here
	h := task.Go(context.Background(), func(context.Context) (string, error) {
		defer moved.Drop()
		return "the task has " + *moved.Ptr(), nil
	})
	fmt.Fprintln(w, refusal(func() { b.Ptr() }))
	text, err := h.Join(context.Background()) // without it main might end first
	fmt.Fprintln(w, text, err)
}

// tenTasks is Arc<Mutex<Vec<i32>>>.
func tenTasks(w *strings.Builder) {
	vector := arcmutex.NewArc(arcmutex.NewMutex([]int(nil)))
	var mine [10]*arcmutex.Arc[*arcmutex.Mutex[[]int]]
	for i := range mine {
		mine[i] = vector.Clone()
	}
	together(len(mine), func(i int) {
		defer mine[i].Drop()
		(*mine[i].Ptr()).With(func(v *[]int) { *v = append(*v, i) })
	})
	all, err := (*vector.Ptr()).Get()
	fmt.Fprintf(w, "%d elements, count = %d, %v\n", len(all), vector.StrongCount(), err)
	vector.Drop()
}

// asChild, when set, makes the program count without a lock. It is a process of its own
// so that the race detector, if it is on, finds the race there.
const asChild = "OWNERSHIP_COUNT"

// countAsChild counts without a lock until an update is lost, prints what came out, and
// ends the process.
func countAsChild() {
	if os.Getenv(asChild) == "" {
		return
	}
	count := 0
	for round := 0; round < 1_000_000 && count != 1; round++ {
		count = 0
		together(2, func(int) {
			n := count // a data race
			runtime.Gosched()
			count = n + 1
		})
	}
	fmt.Print(count)
	os.Exit(0)
}

// counter lets a child lose an update, and counts with a lock here.
func counter(w *strings.Builder) {
	path, err := os.Executable()
	if err != nil {
		fmt.Fprintln(w, err)
		return
	}
	child := exec.Command(path)
	child.Env = append(os.Environ(), asChild+"=1", "GORACE=exitcode=0")
	out, err := child.Output() // what the race detector says goes to stderr
	fmt.Fprintf(w, "without a lock, once: %s %v\n", out, err)

	least := 2
	for range 1000 {
		count := arcmutex.NewMutex(0)
		together(2, func(int) {
			count.With(func(n *int) {
				old := *n
				runtime.Gosched()
				*n = old + 1
			})
		})
		n, err := count.Get()
		if err != nil {
			fmt.Fprintln(w, err)
		}
		least = min(least, n)
	}
	fmt.Fprintf(w, "with a lock, a thousand times: %d\n", least)
}

// config is what there is one of.
type config struct{ name string }

func singleton(w *strings.Builder) {
	var made atomic.Int64
	instance := arcmutex.NewLazyLock(func() *config { // in Rust a static
		return &config{fmt.Sprintf("config %d", made.Add(1))}
	})
	var got [1000]*config
	together(len(got), func(i int) { got[i] = instance.Get() })
	same := 0
	for _, c := range got {
		if c == got[0] {
			same++
		}
	}
	fmt.Fprintf(w, "%d tasks have %s, made %d time\n", same, got[0].name, made.Load())
}

func conflict(w *strings.Builder) {
	a := arcmutex.NewArc(refcell.NewAtomicRefCell([]int{1}))
	shared := *a.Ptr()
	held := shared.BorrowMut()
	together(1, func(int) {
		_, err := shared.TryBorrow()
		fmt.Fprintln(w, err)
	})
	held.Release()
	a.Drop()
}

// Command taskmanager keeps a list of tasks in a JSON file.
//
//	taskmanager [-file tasks.json] add TITLE… | list | done ID | remove ID
//
// When it has printed what it did, the change is on disk: the file was written
// beside the old one, synced, and renamed. A full disk, an interrupt or SIGKILL
// leaves the old file. Several processes change one file one after the other,
// under a lock beside it.
//
// It ends with status 1 when it could not do what was asked, and with 2 when it
// did not understand.
//
// Where to look:
//
//	concept                          here
//	TaskManager { tasks, next_id }   manager.go: TaskManager
//	Option, None until it is done    manager.go: Task, Complete
//	? leaves early                   main.go: run, change; result.Check
//	position                         manager.go: position; seq.Position
//	Result of each command           manager.go: Add, Remove
//	a file that survives a crash     store.go: Save
package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

const usage = "usage: taskmanager [-file tasks.json] add TITLE... | list | done ID | remove ID"

// run does what args ask for.
func run(ctx context.Context, args []string, out io.Writer, now time.Time) (err error) {
	defer result.Handle(&err)
	flags := program.NewFlags("taskmanager", strings.TrimPrefix(usage, "usage: "))
	var path string
	flags.Path(&path, "file", "tasks.json", "where the tasks are kept")
	if !result.Check(flags.ParseCommand(args, out)) {
		return nil
	}
	command, rest := result.Check2(split(flags.Args()))
	if command == "list" {
		return list(out, result.Check(Load(path)))
	}
	wanted := 0
	if command != "add" {
		wanted = result.Check(id(rest))
	}
	task := result.Check(change(ctx, path, func(m *TaskManager) (Task, error) {
		switch command {
		case "add":
			return m.Add(strings.Join(rest, " "))
		case "done":
			return m.Complete(wanted, now)
		default:
			return m.Remove(wanted)
		}
	}))
	_, err = fmt.Fprintf(out, "%s %d: %s\n", command, task.ID, task.Title)
	return err
}

// change loads the tasks, lets f change them and saves them, while no other
// process does so.
func change(ctx context.Context, path string, f func(*TaskManager) (Task, error)) (task Task, err error) {
	defer result.Handle(&err)
	path = result.Check(lockfile.Resolve(path)) // the file is replaced, not the link
	result.Check(Load(path))                    // what is no task file gets no lock beside it
	lock := result.Check(lockfile.WaitLock(ctx, path+".lock"))
	defer func() {
		if unlocked := lock.Unlock(); err == nil {
			err = unlocked
		}
	}()
	tasks := result.Check(Load(path))
	task = result.Check(f(&tasks))
	return task, tasks.Save(path)
}

// split returns the command and its arguments, as many as it needs.
func split(args []string) (command string, rest []string, err error) {
	if len(args) == 0 {
		return "", nil, program.Usagef(usage)
	}
	command, rest = args[0], args[1:]
	wants := map[string]bool{
		"add":    len(rest) > 0,
		"list":   len(rest) == 0,
		"done":   len(rest) == 1,
		"remove": len(rest) == 1,
	}
	switch fits, known := wants[command]; {
	case !known:
		return "", nil, program.Usagef("unknown command %q; %s", command, usage)
	case !fits:
		return "", nil, program.Usagef(usage)
	}
	return command, rest, nil
}

// id returns the only argument as a number.
func id(args []string) (int, error) {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return 0, program.Usagef("%q is not the number of a task; %s", args[0], usage)
	}
	return n, nil
}

func list(out io.Writer, m TaskManager) error {
	var b strings.Builder
	for _, task := range m.Tasks {
		mark := option.MapOr(task.Done, "[ ]", func(at time.Time) string { return "[x " + at.Format(time.DateOnly) + "]" })
		fmt.Fprintf(&b, "%3d %s %s\n", task.ID, mark, task.Title)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func main() {
	program.Main("taskmanager", func(ctx context.Context, args []string, out io.Writer) error {
		return run(ctx, args, out, time.Now())
	})
}

// Command taskmanager keeps a list of tasks in a JSON file.
//
//	taskmanager [-file tasks.json] add TITLE… | list | done ID | remove ID
//
// It ends with status 1 when it could not do what was asked, and with 2 when
// it did not understand.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

const usage = "usage: taskmanager [-file tasks.json] add TITLE... | list | done ID | remove ID"

var errUsage = errors.New(usage)

// run does what args ask for.
func run(args []string, out io.Writer, now time.Time) (err error) {
	defer result.Handle(&err)
	flags := flag.NewFlagSet("taskmanager", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	path := flags.String("file", "tasks.json", "where the tasks are kept")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w\n%w", err, errUsage)
	}
	command, rest := result.Check2(split(flags.Args()))
	tasks := result.Check(Load(*path))

	var task Task
	switch command {
	case "list":
		return list(out, tasks)
	case "add":
		task = result.Check(tasks.Add(strings.Join(rest, " ")))
	case "done":
		task = result.Check(tasks.Complete(result.Check(id(rest)), now))
	case "remove":
		task = result.Check(tasks.Remove(result.Check(id(rest))))
	}
	result.Check0(tasks.Save(*path))
	_, err = fmt.Fprintf(out, "%s %d: %s\n", command, task.ID, task.Title)
	return err
}

// split returns the command and its arguments, as many as it needs.
func split(args []string) (command string, rest []string, err error) {
	if len(args) == 0 {
		return "", nil, errUsage
	}
	command, rest = args[0], args[1:]
	wants := map[string]bool{
		"add":    len(rest) > 0,
		"list":   len(rest) == 0,
		"done":   len(rest) == 1,
		"remove": len(rest) == 1,
	}
	if !wants[command] {
		return "", nil, errUsage
	}
	return command, rest, nil
}

// id returns the only argument as a number.
func id(args []string) (int, error) {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return 0, fmt.Errorf("%q is not the number of a task\n%w", args[0], errUsage)
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
	err := run(os.Args[1:], os.Stdout, time.Now())
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "taskmanager:", err)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

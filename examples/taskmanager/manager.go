package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

// What a TaskManager refuses, for errors.Is.
var (
	ErrNoTitle     = errors.New("a task needs a title")
	ErrBadTitle    = errors.New("a title is one line of text")
	ErrNoMoreIDs   = errors.New("all ids are given")
	ErrNoSuchTask  = errors.New("no such task")
	ErrAlreadyDone = errors.New("already done")
)

// Task is one thing to do. Done is None until it is done.
type Task struct {
	ID    int                      `json:"id"`
	Title string                   `json:"title"`
	Done  option.Option[time.Time] `json:"done,omitzero"`
}

// TaskManager is the TaskManager { tasks, next_id } of the Rust examples. The
// zero value has no tasks. Its ids begin with 1 and are never used twice.
type TaskManager struct {
	Tasks  []Task `json:"tasks"`
	LastID int    `json:"last_id"`
}

// Add appends a task and returns it.
func (m *TaskManager) Add(title string) (Task, error) {
	title = strings.TrimSpace(title)
	if err := checkTitle(title); err != nil {
		return Task{}, err
	}
	if m.LastID == math.MaxInt {
		return Task{}, ErrNoMoreIDs
	}
	m.LastID++
	task := Task{ID: m.LastID, Title: title}
	m.Tasks = append(m.Tasks, task)
	return task, nil
}

// checkTitle refuses what a list could not show on one line, or a file not keep.
func checkTitle(title string) error {
	switch {
	case strings.TrimSpace(title) == "":
		return ErrNoTitle
	case !utf8.ValidString(title) || strings.ContainsFunc(title, unicode.IsControl):
		return fmt.Errorf("%q: %w", title, ErrBadTitle)
	}
	return nil
}

// Complete marks a task as done at the given time and returns it.
func (m *TaskManager) Complete(id int, at time.Time) (Task, error) {
	i, err := m.position(id)
	if err != nil {
		return Task{}, err
	}
	task := &m.Tasks[i]
	if task.Done.IsSome() {
		return Task{}, fmt.Errorf("task %d: %w", id, ErrAlreadyDone)
	}
	task.Done.Insert(at)
	return *task, nil
}

// Remove deletes a task and returns it.
func (m *TaskManager) Remove(id int) (Task, error) {
	i, err := m.position(id)
	if err != nil {
		return Task{}, err
	}
	task := m.Tasks[i]
	m.Tasks = slices.Delete(m.Tasks, i, i+1)
	return task, nil
}

func (m *TaskManager) position(id int) (int, error) {
	has := func(t Task) bool { return t.ID == id }
	i, found := seq.Position(slices.Values(m.Tasks), has).Get()
	if !found {
		return 0, fmt.Errorf("task %d: %w", id, ErrNoSuchTask)
	}
	return i, nil
}

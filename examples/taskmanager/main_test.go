package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
)

func TestMain(m *testing.M) { checked.Main(m) }

// binary is the built command in an empty directory of its own.
type binary struct{ path, dir string }

func build(t *testing.T) binary {
	t.Helper()
	return binary{checked.Build(t), t.TempDir()}
}

func (p binary) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := testkit.Command(t, p.path, args...)
	cmd.Dir = p.dir
	return cmd
}

func (p binary) run(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := p.command(t, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		status = exit.ExitCode()
	}
	return out.String(), errOut.String(), status
}

func (p binary) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(p.dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestProgram(t *testing.T) {
	p := build(t)
	const today = "2006-01-02"
	aDate := regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)
	before := time.Now().Format(time.DateOnly)
	for _, step := range []struct {
		args           []string
		stdout, stderr string
		status         int
	}{
		{args: []string{"list"}},
		{args: []string{"add", "buy", "milk"}, stdout: "add 1: buy milk\n"},
		{args: []string{"add", "call Ravi"}, stdout: "add 2: call Ravi\n"},
		{args: []string{"done", "1"}, stdout: "done 1: buy milk\n"},
		{args: []string{"list"}, stdout: "  1 [x " + today + "] buy milk\n  2 [ ] call Ravi\n"},
		{args: []string{"done", "1"}, stderr: "taskmanager: task 1: already done\n", status: 1},
		{args: []string{"remove", "2"}, stdout: "remove 2: call Ravi\n"},
		{args: []string{"add", "sleep"}, stdout: "add 3: sleep\n"},
		{args: []string{"remove", "2"}, stderr: "taskmanager: task 2: no such task\n", status: 1},
		{args: []string{"add", "  "}, stderr: "taskmanager: a task needs a title\n", status: 1},
		{args: []string{"list"}, stdout: "  1 [x " + today + "] buy milk\n  3 [ ] sleep\n"},
		{args: nil, stderr: "taskmanager: " + usage + "\n", status: 2},
		{args: []string{"add"}, stderr: "taskmanager: " + usage + "\n", status: 2},
		{args: []string{"sing"}, stderr: "taskmanager: unknown command \"sing\"; " + usage + "\n", status: 2},
		{args: []string{"done", "x"}, stderr: "taskmanager: \"x\" is not the number of a task; " + usage + "\n", status: 2},
		{args: []string{"done", "99999999999999999999"}, stderr: "taskmanager: \"99999999999999999999\" is not the number of a task; " + usage + "\n", status: 2},
		{args: []string{"done", "-1"}, stderr: "taskmanager: task -1: no such task\n", status: 1},
		{args: []string{"done", "1", "3"}, stderr: "taskmanager: " + usage + "\n", status: 2},
		{args: []string{"list", "all"}, stderr: "taskmanager: " + usage + "\n", status: 2},
		{args: []string{"add", "a\nb"}, stderr: "taskmanager: \"a\\nb\": a title is one line of text\n", status: 1},
		{args: []string{"add", "\xff"}, stderr: "taskmanager: \"\\xff\": a title is one line of text\n", status: 1},
		{args: []string{"-file=", "list"}, stderr: "taskmanager: -file \"\" is not the name of a file\n", status: 2},
		{
			args:   []string{"-colour", "list"},
			stderr: "taskmanager: flag provided but not defined: -colour\n", status: 2,
		},
	} {
		stdout, stderr, status := p.run(t, step.args...)
		if date := aDate.FindString(stdout); date != "" { // it may be midnight
			assert.LessOrEqual(t, before, date)
			assert.LessOrEqual(t, date, time.Now().Format(time.DateOnly))
			stdout = strings.Replace(stdout, date, today, 1)
		}
		assert.Equal(t, step.stdout, stdout, step.args)
		assert.Equal(t, step.stderr, stderr, step.args)
		assert.Equal(t, step.status, status, step.args)
	}
	assert.Equal(t, []string{"tasks.json"}, p.files(t), "nothing temporary is left")
	m, err := Load(filepath.Join(p.dir, "tasks.json"))
	require.NoError(t, err)
	assert.Equal(t, 3, m.LastID)
	assert.Len(t, m.Tasks, 2)
}

func TestFileFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.json")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var m TaskManager
	for _, title := range []string{"a", "b <&>"} {
		_, err := m.Add(title)
		require.NoError(t, err)
	}
	_, err := m.Complete(2, at)
	require.NoError(t, err)
	require.NoError(t, m.Save(path))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.JSONEq(t, `{"tasks":[{"id":1,"title":"a"},{"id":2,"title":"b <&>","done":"2026-01-02T03:04:05Z"}],"last_id":2}`,
		string(data))
	back, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, m, back)
	assert.Equal(t, option.Some(at), back.Tasks[1].Done)
}

func TestABadFileIsLeftAlone(t *testing.T) {
	p := build(t)
	path := filepath.Join(p.dir, "tasks.json")
	for text, want := range map[string]string{
		`{"tasks":[{"id":"x"}]}`:                         "cannot unmarshal string into Go struct field Task.tasks.id of type int",
		`{"tasks":[{"id":1,"done":"soon"}],"last_id":1}`: `cannot parse "soon"`,
		`{"tusks":[]}`:                                   `unknown field "tusks"`,
		`{"tasks":`:                                      "unexpected EOF",
		``:                                               "EOF",
		`{} {}`:                                          "more than one value",
		`{"tasks":[{"id":1}]}`:                           "id 1 is used twice or was never given",
		`{"tasks":[{"id":1,"title":"a"},{"id":1,"title":"b"}],"last_id":9}`: "id 1 is used twice or was never given",
		`{"tasks":[]} }`:               "something follows the value",
		`{"tasks":[]} ]`:               "something follows the value",
		`{"tasks":[]} x`:               "something follows the value",
		`{"tasks":[]}` + "\x00":        "something follows the value",
		`{"tasks":[]} null`:            "more than one value",
		`null`:                         "there is no list of tasks",
		`{}`:                           "there is no list of tasks",
		`{"tasks":null,"last_id":4}`:   "there is no list of tasks",
		`[]`:                           "cannot unmarshal array",
		`{"tasks":[null],"last_id":1}`: "id 0 is used twice or was never given",
		`{"tasks":[{"id":1,"title":" "}],"last_id":1}`:              "a task needs a title",
		`{"tasks":[{"id":1,"title":"\n"}],"last_id":1}`:             "a task needs a title",
		`{"tasks":[{"id":1,"title":"a\u0007"}],"last_id":1}`:        "a title is one line of text",
		`{"tasks":[],"last_id":-1}`:                                 "last_id is -1",
		`{"tasks":[],"last_id":9223372036854775808}`:                "cannot unmarshal number",
		`{"tasks":[{"id":9223372036854775808}]}`:                    "cannot unmarshal number",
		`{"tasks":[{"id":-1,"title":"a"}]}`:                         "id -1 is used twice or was never given",
		`{"tasks":[],"tasks":[]}`:                                   `key "tasks" is there twice`,
		`{"tasks":[],"Tasks":[]}`:                                   `key "Tasks" is there twice`,
		`{"tasks":[{"id":1,"id":2,"title":"a"}],"last_id":2}`:       `key "id" is there twice`,
		"{\"tasks\":[{\"id\":1,\"title\":\"\xff\"}],\"last_id\":1}": "not UTF-8",
		"\xef\xbb\xbf{\"tasks\":[]}":                                "invalid character",
		"\x7fELF\x02\x01":                                           "invalid character",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		stdout, stderr, status := p.run(t, "add", "x")
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, "taskmanager: tasks.json is not a task file: ")
		assert.Contains(t, stderr, want)
		assert.Equal(t, 1, status)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(after))
	}
}

func TestASaveThatFailsLeavesTheOldFile(t *testing.T) {
	p := build(t)
	_, _, status := p.run(t, "add", "a")
	require.Zero(t, status)

	var m TaskManager
	require.ErrorContains(t, m.Save(filepath.Join(p.dir, "no", "tasks.json")), "cannot save")
	directory := filepath.Join(p.dir, "d")
	require.NoError(t, os.Mkdir(directory, 0o700))
	require.Error(t, m.Save(directory), "a directory is in the way")
	assert.ElementsMatch(t, []string{"d", "tasks.json"}, p.files(t), "nothing temporary is left")

	_, stderr, status := p.run(t, "-file", "d", "list")
	assert.Contains(t, stderr, "is a directory")
	assert.Equal(t, 1, status)
}

type brokenWriter struct{}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestOutputThatFailsIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.json")
	require.ErrorIs(t, run(t.Context(), []string{"-file", path, "add", "x"}, brokenWriter{}, time.Now()), errBroken)
	require.ErrorIs(t, run(t.Context(), []string{"-file", path, "list"}, brokenWriter{}, time.Now()), errBroken)
}

package deploy_test

import (
	"encoding/json"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func seconds(t *testing.T, text string) int64 {
	t.Helper()
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return int64(d / time.Second)
}

// An instruction is a line of a Dockerfile, with those that continue it.
type instruction struct{ name, rest string }

type instructions []instruction

func dockerfile(t *testing.T) (all instructions) {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.Join(lines, "\n"), "\\\n", ""), "\n") {
		name, rest, _ := strings.Cut(line, " ")
		all = append(all, instruction{name, strings.TrimSpace(rest)})
	}
	return all
}

// last returns the rest of the last instruction of a name, which is that of the image.
func (all instructions) last(name string) (rest string) {
	for _, i := range all {
		if i.name == name {
			rest = i.rest
		}
	}
	return rest
}

// words returns the words of an instruction in the form that starts no shell.
func words(t *testing.T, rest string) (list []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(rest[strings.Index(rest, "["):]), &list), "%s starts a shell, which the image lacks", rest)
	return list
}

var knownInstructions = regexp.MustCompile(`^(FROM|WORKDIR|COPY|RUN|USER|EXPOSE|HEALTHCHECK|ENTRYPOINT)$`)

func TestTheImageHoldsTheProgramOnly(t *testing.T) {
	all := dockerfile(t)
	for _, i := range all {
		assert.Regexp(t, knownInstructions, i.name)
	}
	assert.Equal(t, "scratch", all.last("FROM"))
	assert.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, all.last("USER"), "a number, which Kubernetes can tell from root's")
	assert.Equal(t, []string{"/redbus", "serve"}, words(t, all.last("ENTRYPOINT"))[:2])
	assert.Equal(t, []string{"/redbus", "probe"}, words(t, all.last("HEALTHCHECK")))

	module, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	assert.Equal(t, "golang:"+string(version[1])+" AS build", all[0].rest, "the version of go.mod")
}

// ignored reports whether .dockerignore keeps a path out of the image's build.
func ignored(patterns []string, name string) bool {
	for _, p := range patterns {
		anywhere, deep := strings.CutPrefix(p, "**/")
		for at := name; at != "."; at = path.Dir(at) { // a folder that is ignored takes its files with it
			tried := at
			if deep {
				tried = path.Base(at)
			}
			if is, err := path.Match(anywhere, tried); err != nil || is {
				return true
			}
		}
	}
	return false
}

// patterns returns those of .dockerignore.
func patterns(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../.dockerignore")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			assert.False(t, strings.HasPrefix(line, "!"), "%s: exceptions are not read here", line)
			all = append(all, line)
		}
	}
	return all
}

func TestPatternsKeepFoldersAndFilesOut(t *testing.T) {
	all := []string{"bin", "**/testdata", "**/*.md"}
	for name, is := range map[string]bool{
		"bin": true, "bin/x/y": true, "a/bin": false, "binary": false, "testdata": true, "a/testdata/b/c": true, "a/b.md": true, "b.md": true, "a.md.go": false,
	} {
		assert.Equal(t, is, ignored(all, name), name)
	}
}

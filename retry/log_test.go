package retry_test

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/retry"
)

// TestNoLogShowsAUsersValue logs a value of each exported struct that has a type
// parameter, and so may hold what a user enqueued.
func TestNoLogShowsAUsersValue(t *testing.T) {
	const secret = "squeamish ossifrage"
	j := job{ID: 7, Key: "k", Value: secret, Reason: "it broke\nsomewhere"}
	memory := retry.NewMemory[string]()
	added, err := memory.Enqueue(t.Context(), retry.EnqueueRequest[string]{Key: "k", Value: secret})
	require.NoError(t, err)
	require.True(t, added)
	o := options{Store: memory, Handle: func(context.Context, job) error { return nil }}
	values := map[string]any{
		"Job":            j,
		"Event":          retry.Event[string]{Seq: 7, Job: j},
		"EnqueueRequest": retry.EnqueueRequest[string]{Key: "k7", Value: secret},
		"Claims":         retry.Claims[string]{Jobs: make([]job, 7)},
		"JobRetry":       retry.JobRetry[string]{Job: j, Err: errDown, Delay: 7},
		"Contents":       retry.Contents[string]{Jobs: []job{j}, Last: 7},
		"Memory":         memory,
		"Queue":          retry.NewQueue(o),
		"QueueOptions":   nil, // it has functions, and no value
	}
	for _, name := range genericStructs(t) {
		v, ok := values[name]
		require.True(t, ok, "%s has no row", name)
		var text, jsonText bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("it is", "v", v, slog.Group("in", "v", v))
		slog.New(slog.NewJSONHandler(&jsonText, nil)).Info("it is", "v", v, slog.Group("in", "v", v))
		for _, log := range []string{text.String(), jsonText.String()} {
			assert.NotContains(t, log, secret, name)
			if name != "Memory" && name != "Queue" && v != nil {
				assert.Contains(t, log, "7", name)
			}
		}
	}
}

// genericStructs names the exported structs of the package that have type parameters.
func genericStructs(t *testing.T) (names []string) {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { //nolint:staticcheck // one package, without build tags
		return !strings.HasSuffix(f.Name(), "_test.go")
	}, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, f := range packages["retry"].Files {
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.TypeParams != nil && spec.Name.IsExported() {
				if _, isStruct := spec.Type.(*ast.StructType); isStruct {
					names = append(names, spec.Name.Name)
				}
			}
			return true
		})
	}
	require.NotEmpty(t, names)
	return names
}

// Package generate makes the atomic flavour of package refcell from the plain one. The
// code of both is the same but for names and the renames below; the doc comments that
// differ are in proses.
package generate

import (
	"cmp"
	"flag"
	"go/format"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated files")

// folder is that of package refcell.
const folder = "../../"

// TestAtomicFilesAreGenerated holds the files of the atomic flavour to those of the
// plain one. With -update it writes them.
func TestAtomicFilesAreGenerated(t *testing.T) {
	for _, file := range []string{"guard.go", "map.go", "refcell.go"} {
		plain, err := os.ReadFile(folder + file)
		require.NoError(t, err)
		want := atomicTwin(t, file, string(plain))
		if *update {
			require.NoError(t, os.WriteFile(folder+"atomic_"+file, []byte(want), 0o644))
		}
		got, err := os.ReadFile(folder + "atomic_" + file)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "run go test ./refcell/internal/generate -update")
	}
}

// renames are made in code and in comments, in this order.
var renames = []struct {
	from *regexp.Regexp
	to   string
}{
	// The state differs, and with it the checks of the methods that are inlined.
	{regexp.MustCompile(`r\.state\.gen != r\.key\.n`), `r.token != nil`},
	{regexp.MustCompile(`readingForGet\(r\.key\.n\)`), `reading(r.key.n, r.token, "Ref.Get")`},
	{regexp.MustCompile(`reading\(r\.key\.n, (op|")`), `reading(r.key.n, r.token, $1`},
	{regexp.MustCompile(`r\.state\.gen != r\.gen`), `r.state.gen.Load() != r.gen`},
	{regexp.MustCompile(`\bborrowState\b`), `atomicBorrowState`},
	// The names of the types and functions.
	{regexp.MustCompile(`func New\b`), `func NewAtomicRefCell`},
	{regexp.MustCompile(`^New returns`), `NewAtomicRefCell returns`},
	{regexp.MustCompile(`\b([Aa]) Ref(Mut|Cell|)\b`), `${1}n Ref$2`},
	{regexp.MustCompile(`\b(|err)Ref(Mut|Cell|)(Get|Set|Ptr|Release|)\b`), `${1}AtomicRef$2$3`},
	{regexp.MustCompile(`\b((?:Filter)?Map(?:Split)?(?:Mut)?|takeMut)(\[|\(|"| |\])`), `${1}Atomic$2`},
}

// proses are the doc comments of what must be said in another way. The others are
// those of the plain flavour, renamed.
var proses = map[string]string{
	"type RefCell": `An AtomicRefCell is a [RefCell] that goroutines may share: a borrow that conflicts with another goroutine's is refused like any other. It never waits. A refusal means that another borrow exists at this moment.

The zero value holds the zero T. An AtomicRefCell must not be copied after first use. It is safe for concurrent use; a guard is for one goroutine at a time. Borrowing is O(1), lock-free, and does not allocate. It takes one atomic operation to begin a borrow and to end a shared one, and two to end an exclusive one.

The end of an exclusive borrow synchronizes before all later borrows. The end of a shared borrow synchronizes before later exclusive borrows.`,
	"type Ref": `An AtomicRef is a shared borrow of the value of an [AtomicRefCell]; see [Ref]. It may be handed to another goroutine, and is for one goroutine at a time.

It ends with Release. Every later use of it panics with an error that is [ErrReleased]. It must not be copied, as go vet reports: use Clone. The count of readers does not tell readers apart, so a copy learns of the end in two ways only:

  - If the borrow is tracked, every use of a copy panics after the end of any of them, or after a Map consumed one.
  - If it is not, Release, Clone and the Maps of a copy panic when there is no reader, or when there was a writer since. While other readers of the same time remain, releasing a copy ends the borrow of one of them, whose Release panics then; Get and Ptr of a copy return the value.

The zero AtomicRef is one that was released.`,
	"type RefMut": `An AtomicRefMut is the exclusive borrow of the value of an [AtomicRefCell]; see [RefMut]. It may be handed to another goroutine, and is for one goroutine at a time.

It ends with Release. Every later use of it or of a copy panics with an error that is [ErrReleased]. The zero AtomicRefMut is one that was released.`,
	"func Map":    `MapAtomic is [Map] for an [AtomicRef], which says when a copy of r learns that it ended.`,
	"func MapMut": `MapMutAtomic is [MapMut] for an [AtomicRefMut].`,
}

// atomicTwin returns the atomic flavour of a file.
func atomicTwin(t *testing.T, name, plain string) string {
	var out strings.Builder
	out.WriteString("// Code generated from " + name + " by go test ./refcell/internal/generate -update; DO NOT EDIT.\n\n")
	_, plain, _ = strings.Cut("\n"+plain, "\npackage") // without the package comment
	paragraphs := strings.Split("package"+plain, "\n")
	for i := 0; i < len(paragraphs); {
		if !strings.HasPrefix(paragraphs[i], "// ") {
			out.WriteString(rename(paragraphs[i]) + "\n")
			i++
			continue
		}
		first := i
		for strings.HasPrefix(paragraphs[i], "//") {
			i++
		}
		out.WriteString(prose(paragraphs[first:i], paragraphs[i]))
	}
	code, err := format.Source([]byte(out.String()))
	require.NoError(t, err)
	return strings.TrimRight(string(code), "\n") + "\n"
}

// rename makes the renames in a text.
func rename(s string) string {
	for _, r := range renames {
		s = r.from.ReplaceAllString(s, r.to)
	}
	return s
}

var declared = regexp.MustCompile(`^(?:func|type) (?:\(.*?\) )?\w+`)

// prose returns the comment above a declaration, with the directives of lines.
func prose(lines []string, declaration string) string {
	var text, directives []string
	for _, line := range lines {
		if strings.HasPrefix(line, "//ferrous:") || strings.HasPrefix(line, "//go:") {
			directives = append(directives, line)
		} else {
			text = append(text, strings.TrimPrefix(strings.TrimPrefix(line, "//"), " "))
		}
	}
	joined := strings.TrimSpace(regexp.MustCompile(`(\S)\n(\S)`).ReplaceAllString(strings.Join(text, "\n"), "$1 $2"))
	joined = cmp.Or(proses[declared.FindString(declaration)], rename(joined))
	var out strings.Builder
	for line := range strings.SplitSeq(joined, "\n") {
		out.WriteString(wrapped(line))
	}
	if len(directives) > 0 {
		out.WriteString("//\n" + strings.Join(directives, "\n") + "\n")
	}
	return out.String()
}

// wrapped returns a paragraph, or an item of a list, as lines of a comment.
func wrapped(paragraph string) string {
	indent, again := "// ", "// "
	if item, ok := strings.CutPrefix(paragraph, "  - "); ok {
		paragraph, indent, again = item, "//   - ", "//     "
	}
	out, line := "", indent
	for word := range strings.FieldsSeq(paragraph) {
		if len(line)+len(word) > 84 {
			out, line = out+strings.TrimRight(line, " ")+"\n", again
		}
		line += word + " "
	}
	return out + strings.TrimRight(line, " ") + "\n"
}

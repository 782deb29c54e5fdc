// Package rusttogo holds the examples of docs/rust-to-go.md, and checks the page
// against them.
package rusttogo

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seq"
)

const page = "../rust-to-go.md"

// row is one line of a table of the page.
type row struct{ rust, code, example string }

var tableRow = regexp.MustCompile("^\\| `([^`]+)` \\| `([^`]+)` \\|[^|]*\\| (\\w+) \\|$")

// rows returns the rows of all tables. A line that looks like one and is none
// fails the test.
func rows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var all []row
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| Rust |") || strings.HasPrefix(line, "| --- |") {
			continue
		}
		cells := tableRow.FindStringSubmatch(line)
		if assert.NotNil(t, cells, "not | `rust` | `go` | remark | example |: %s", line) {
			all = append(all, row{cells[1], cells[2], "Example_" + cells[3]})
		}
	}
	return all
}

var (
	example = regexp.MustCompile(`(?ms)^func (Example_\w+)\(\) \{\n(.*?)^\}`)
	output  = regexp.MustCompile(`(?m)^\t// Output:`)
)

// examples returns the source of each example of this package. One without
// output, which go test would not run, fails the test.
func examples(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	source := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, e := range example.FindAllStringSubmatch(string(text), -1) {
			assert.Regexp(t, output, e[2], "%s is not run", e[1])
			source[e[1]] = e[2]
		}
	}
	return source
}

func TestThePage(t *testing.T) {
	source := examples(t)
	used := map[string]bool{}
	for _, r := range rows(t) {
		code, found := source[r.example]
		if !found {
			t.Errorf("%s: there is no %s", r.rust, r.example)
			continue
		}
		used[r.example] = true
		if !strings.Contains(code, r.code) {
			t.Errorf("%s: %s does not contain %s", r.rust, r.example, r.code)
		}
	}
	for name := range source {
		if !used[name] {
			t.Errorf("%s has no row", name)
		}
	}
}

// stable are the stable methods of Rust 1.95 and tokio that the page must have.
var stable = map[string]string{
	"Option": `is_some is_some_and is_none is_none_or as_ref as_mut as_pin_ref as_pin_mut as_slice
		as_mut_slice expect unwrap unwrap_or unwrap_or_else unwrap_or_default unwrap_unchecked map inspect
		map_or map_or_else ok_or ok_or_else as_deref as_deref_mut iter iter_mut and and_then filter or or_else
		xor insert get_or_insert get_or_insert_default get_or_insert_with take take_if replace zip unzip copied
		cloned transpose flatten from_iter sum product cmp eq`,
	"Result": `is_ok is_ok_and is_err is_err_and ok err as_ref as_mut map map_or map_or_else map_err inspect
		inspect_err as_deref as_deref_mut iter iter_mut expect unwrap unwrap_or_default expect_err unwrap_err
		and and_then or or_else unwrap_or unwrap_or_else unwrap_unchecked unwrap_err_unchecked copied cloned
		transpose flatten from_iter sum product`,
	"Iterator": `next size_hint count last nth step_by chain zip map for_each filter filter_map enumerate
		peekable skip_while take_while map_while skip take scan flat_map flatten fuse inspect by_ref collect
		partition try_fold try_for_each fold reduce all any find find_map position rposition max min
		max_by_key max_by min_by_key min_by rev unzip copied cloned cycle sum product cmp partial_cmp eq ne lt
		le gt ge is_sorted is_sorted_by is_sorted_by_key`,
	"DoubleEndedIterator": `next_back nth_back try_rfold rfold rfind`,
	"Peekable":            `peek peek_mut next_if next_if_eq next_if_map next_if_map_mut`,
	"iter":                `empty from_fn once once_with repeat repeat_n repeat_with successors`,
	"Vec": `with_capacity push pop insert remove clear append resize extend dedup is_empty len capacity
		contains first last get as_slice binary_search iter position rposition find find_map sort sort_by
		sort_unstable`,
	"HashMap": `insert entry::or_insert entry::or_insert_with entry::and_modify remove clear contains_key get
		get_mut keys values values_mut iter`,
	"Box": `new pin clone drop deref deref_mut into_inner leak downcast`,
	"Rc": `new new_cyclic pin clone drop deref eq strong_count weak_count ptr_eq get_mut make_mut try_unwrap
		unwrap_or_clone into_inner downcast downgrade`,
	"Weak": `new upgrade clone drop strong_count weak_count ptr_eq`,
	"Cell": `new from_mut get set replace swap update take into_inner get_mut as_slice_of_cells
		as_array_of_cells`,
	"RefCell":  `new borrow borrow_mut try_borrow try_borrow_mut get_mut replace replace_with swap take into_inner`,
	"Ref":      `deref drop clone map filter_map map_split`,
	"RefMut":   `deref deref_mut drop map filter_map map_split`,
	"OnceCell": `new from get get_mut set get_or_init take into_inner`,
	"LazyCell": `new force force_mut get get_mut`,
	"Arc": `new new_cyclic pin clone drop deref eq strong_count weak_count ptr_eq get_mut make_mut try_unwrap
		unwrap_or_clone into_inner downcast downgrade`,
	"sync::Weak":       `new upgrade clone drop strong_count weak_count ptr_eq`,
	"Mutex":            `new lock try_lock is_poisoned clear_poison into_inner get_mut`,
	"MutexGuard":       `deref deref_mut drop`,
	"RwLock":           `new read write try_read try_write is_poisoned clear_poison into_inner get_mut`,
	"RwLockWriteGuard": `downgrade`,
	"Condvar":          `new wait wait_while wait_timeout wait_timeout_while notify_one notify_all`,
	"Barrier":          `new wait`,
	"Once":             `new call_once call_once_force is_completed wait wait_force`,
	"OnceLock":         `new from get get_mut set get_or_init wait take into_inner`,
	"LazyLock":         `new force force_mut get get_mut`,
	"Semaphore": `new acquire acquire_many try_acquire try_acquire_many acquire_owned acquire_many_owned
		try_acquire_owned try_acquire_many_owned available_permits add_permits forget_permits close is_closed`,
	"SemaphorePermit": `drop forget merge split num_permits`,
	"Notify":          `new notify_one notify_last notify_waiters notified notified_owned`,
	"mpsc::Sender": `clone drop send blocking_send send_timeout try_send reserve reserve_many try_reserve
		try_reserve_many reserve_owned try_reserve_owned capacity max_capacity same_channel is_closed closed
		downgrade strong_count weak_count`,
	"mpsc::Receiver": `recv blocking_recv try_recv recv_many blocking_recv_many close drop is_closed is_empty len
		capacity max_capacity sender_strong_count sender_weak_count`,
	"oneshot::Sender":     `send drop is_closed closed`,
	"oneshot::Receiver":   `await blocking_recv try_recv is_empty is_terminated close`,
	"broadcast::Sender":   `new clone drop send subscribe len is_empty receiver_count strong_count same_channel closed`,
	"broadcast::Receiver": `recv blocking_recv try_recv len is_empty is_closed resubscribe same_channel`,
	"watch::Sender": `new clone drop send send_modify send_if_modified send_replace borrow is_closed closed subscribe
		receiver_count sender_count same_channel`,
	"watch::Receiver": `borrow borrow_and_update has_changed mark_changed mark_unchanged changed wait_for clone
		same_channel`,
	"JoinHandle": `join await is_finished abort`,
	"JoinSet":    `new drop spawn join_next try_join_next join_all abort_all shutdown len is_empty`,
	"StreamExt": `map then filter filter_map flat_map fold for_each for_each_concurrent take skip take_while
		skip_while take_until scan inspect chunks enumerate chain zip collect buffered buffer_unordered merge
		timeout throttle chunks_timeout`,
}

func TestThePageIsComplete(t *testing.T) {
	named := slices.Collect(seq.Map(slices.Values(rows(t)), func(r row) string { return r.rust }))
	for kind, methods := range stable {
		for method := range strings.FieldsSeq(methods) {
			assert.Contains(t, named, kind+"::"+method)
		}
	}
	slices.Sort(named)
	for i := range len(named) - 1 {
		assert.NotEqual(t, named[i], named[i+1], "there are two rows for it")
	}
}

package boltqueue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
)

// ErrDamaged means that a file was changed, truncated or overwritten, or never was the
// file of a queue. It comes as a [*DamageError].
var ErrDamaged = errors.New("boltqueue: file is damaged or not a queue's")

// DamageError says where a file is damaged. It wraps [ErrDamaged].
type DamageError struct {
	Path  string
	Place string // a page, a bucket or a record
	What  string
}

// Error names the file, the place and what is wrong there.
func (e *DamageError) Error() string {
	return fmt.Sprintf("boltqueue: %s: %s: %s", e.Path, e.Place, e.What)
}

// Unwrap returns [ErrDamaged].
func (e *DamageError) Unwrap() error { return ErrDamaged }

// damaged returns a DamageError without its path.
func damaged(place, format string, args ...any) error {
	return &DamageError{Place: place, What: fmt.Sprintf(format, args...)}
}

// Bbolt maps the file into memory and trusts it: damage makes it panic on a
// goroutine of its own, follow pointers out of the file, or loop. So the whole
// tree is read here, with ordinary reads and every check, before bbolt sees the
// file. What follows is bbolt's format, version 2, in the machine's byte order:
//
//	page    id u64, flags u16, count u16, overflow u32, then the content
//	meta    magic u32, version u32, page size u32, flags u32, root u64,
//	        sequence u64, freelist u64, pages u64, transaction u64, sum u64
//	branch  of each element: position u32, key size u32, page u64; keys
//	leaf    of each element: flags u32, position u32, key and value sizes u32;
//	        keys and values. Positions count from their element.
//	bucket  a leaf's value: root u64, sequence u64; with root 0 a leaf follows
const (
	pageHeader  = 16
	elementSize = 16
	metaSize    = 64
	bucketSize  = 16

	branchPage   = 0x01
	leafPage     = 0x02
	metaPage     = 0x04
	freelistPage = 0x10
	bucketLeaf   = 0x01 // flag of an element

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	noFreelist  = ^uint64(0)
)

var order = binary.NativeEndian

// pages is a file of bbolt that is being read.
type pages struct {
	r    io.ReaderAt
	size uint64 // of a page
	n    uint64 // pages in use, or free; the file may be longer
	root uint64
	free uint64 // page of the list of free pages, or noFreelist
	seen []bool // pages of the tree
}

// element is one of a leaf: a record, or a bucket.
type element struct {
	key, value []byte // valid during the call
	bucket     bool
}

// readPages checks the two meta pages. Both must be good: a crash cannot tear
// one, because it lies within a sector, and the older one alone would lose what
// was answered last.
func readPages(f *os.File) (*pages, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p := &pages{r: f}
	var newest uint64
	for i := range uint64(2) {
		place := fmt.Sprintf("meta page %d", i)
		b := make([]byte, pageHeader+metaSize)
		if _, err := f.ReadAt(b, int64(i*p.size)); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, damaged(place, "the file has only %d bytes", info.Size())
			}
			return nil, err
		}
		m := b[pageHeader:]
		sum := fnv.New64a()
		_, _ = sum.Write(m[:56])
		pageSize, pages, txid := uint64(order.Uint32(m[8:])), order.Uint64(m[40:]), order.Uint64(m[48:])
		switch {
		case order.Uint32(m) != metaMagic:
			return nil, damaged(place, "not a file of bbolt")
		case order.Uint32(m[4:]) != metaVersion:
			return nil, damaged(place, "version %d of bbolt, not %d", order.Uint32(m[4:]), metaVersion)
		case order.Uint64(m[56:]) != sum.Sum64():
			return nil, damaged(place, "wrong checksum")
		case order.Uint64(b) != i || order.Uint16(b[8:]) != metaPage:
			return nil, damaged(place, "wrong header")
		case pageSize < 1024 || pageSize > 1<<24 || pageSize&(pageSize-1) != 0 || i > 0 && pageSize != p.size:
			return nil, damaged(place, "page size %d", pageSize)
		case pages > uint64(info.Size())/pageSize:
			return nil, damaged(place, "%d pages of %d bytes in a file of %d bytes", pages, pageSize, info.Size())
		case txid&1 != i || i > 0 && txid+1 != newest && newest+1 != txid:
			return nil, damaged(place, "transaction %d", txid)
		}
		p.size = pageSize
		if i == 0 || txid > newest {
			newest, p.n, p.root, p.free = txid, pages, order.Uint64(m[16:]), order.Uint64(m[32:])
		}
	}
	p.seen = make([]bool, p.n)
	return p, nil
}

// page reads a page with its overflow. It must be of one of the kinds.
func (p *pages) page(id uint64, kinds ...uint16) (b []byte, err error) {
	place := fmt.Sprintf("page %d", id)
	if id < 2 || id >= p.n {
		return nil, damaged(place, "a pointer out of the %d pages", p.n)
	}
	var header [pageHeader]byte
	if _, err := p.r.ReadAt(header[:], int64(id*p.size)); err != nil {
		return nil, err
	}
	overflow := uint64(order.Uint32(header[12:]))
	switch flags := order.Uint16(header[8:]); {
	case order.Uint64(header[:]) != id:
		return nil, damaged(place, "it says that it is page %d", order.Uint64(header[:]))
	case !slices.Contains(kinds, flags):
		return nil, damaged(place, "flags %#x", flags)
	case overflow >= p.n-id:
		return nil, damaged(place, "%d more pages of %d", overflow, p.n)
	}
	for i := id; i <= id+overflow; i++ {
		if p.seen[i] {
			return nil, damaged(place, "page %d is in the tree twice", i)
		}
		p.seen[i] = true
	}
	b = make([]byte, (overflow+1)*p.size)
	_, err = p.r.ReadAt(b, int64(id*p.size))
	return b, err
}

// walk calls f with the elements of the tree below a page. Its first key must be
// from, and all keys less than to, as far as these are not nil.
//
// A branch has the first key of each child once more. Bbolt finds a child by that
// key when it writes the child anew: if the keys differ, the branch gets the child
// twice.
func (p *pages) walk(id uint64, from, to []byte, f func(element) error) error {
	b, err := p.page(id, branchPage, leafPage)
	if err != nil {
		return err
	}
	place := fmt.Sprintf("page %d", id)
	if order.Uint16(b[8:]) == leafPage {
		return leaf(place, b, from, to, f)
	}
	n := int(order.Uint16(b[10:]))
	if n == 0 {
		return damaged(place, "a branch without elements")
	}
	keys, children := make([][]byte, n), make([]uint64, n)
	for i := range n {
		at := pageHeader + i*elementSize
		if at+elementSize > len(b) {
			return damaged(place, "%d elements", n)
		}
		if keys[i], err = cut(place, b, at, order.Uint32(b[at:]), order.Uint32(b[at+4:]), n); err != nil {
			return err
		}
		children[i] = order.Uint64(b[at+8:])
		if err := ordered(place, keys, i, from, to); err != nil {
			return err
		}
	}
	for i, child := range children {
		end := to
		if i+1 < n {
			end = keys[i+1]
		}
		if err := p.walk(child, keys[i], end, f); err != nil {
			return err
		}
	}
	return nil
}

// leaf calls f with the elements of a leaf.
func leaf(place string, b, from, to []byte, f func(element) error) error {
	if len(b) < pageHeader {
		return damaged(place, "only %d bytes", len(b))
	}
	n := int(order.Uint16(b[10:]))
	if n == 0 && from != nil {
		return damaged(place, "a leaf without elements")
	}
	keys := make([][]byte, n)
	for i := range n {
		at := pageHeader + i*elementSize
		if at+elementSize > len(b) {
			return damaged(place, "%d elements", n)
		}
		flags, pos, size := order.Uint32(b[at:]), order.Uint32(b[at+4:]), order.Uint32(b[at+8:])
		if flags&^bucketLeaf != 0 {
			return damaged(place, "flags %#x of element %d", flags, i)
		}
		var err error
		if keys[i], err = cut(place, b, at, pos, size, n); err != nil {
			return err
		}
		value, err := cut(place, b, at, pos+size, order.Uint32(b[at+12:]), n)
		if err != nil {
			return err
		}
		if err := ordered(place, keys, i, from, to); err != nil {
			return err
		}
		if err := f(element{keys[i], value, flags == bucketLeaf}); err != nil {
			return err
		}
	}
	return nil
}

// cut returns a part of a page of n elements, at pos from the element at at.
func cut(place string, b []byte, at int, pos, size uint32, n int) ([]byte, error) {
	from := uint64(at) + uint64(pos)
	if to := from + uint64(size); to <= uint64(len(b)) && from >= uint64(pageHeader+n*elementSize) {
		return b[from:to:to], nil
	}
	return nil, damaged(place, "an element of %d bytes at %d", size, from)
}

// ordered checks that key i comes after those before it, and within its range.
func ordered(place string, keys [][]byte, i int, from, to []byte) error {
	switch key := keys[i]; {
	case i > 0 && bytes.Compare(keys[i-1], key) >= 0,
		i == 0 && from != nil && !bytes.Equal(key, from),
		to != nil && bytes.Compare(key, to) >= 0:
		return damaged(place, "key %x is out of order", key)
	}
	return nil
}

// bucket calls f with the elements of the bucket that is the value of a leaf.
func (p *pages) bucket(name string, value []byte, f func(element) error) error {
	place := "bucket " + name
	if len(value) < bucketSize {
		return damaged(place, "a header of %d bytes", len(value))
	}
	if root := order.Uint64(value); root != 0 {
		return p.walk(root, nil, nil, f)
	}
	inline := value[bucketSize:]
	if len(inline) < pageHeader || order.Uint16(inline[8:]) != leafPage {
		return damaged(place, "not a leaf")
	}
	return leaf(place, inline, nil, nil, f)
}

// freelist checks the list of free pages, which other programs write. It is
// called after the walk.
func (p *pages) freelist() error {
	if p.free == noFreelist {
		return nil
	}
	b, err := p.page(p.free, freelistPage)
	if err != nil {
		return err
	}
	place := fmt.Sprintf("page %d", p.free)
	n, ids := uint64(order.Uint16(b[10:])), b[pageHeader:]
	if n == 0xFFFF { // too many for the header
		n, ids = order.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return damaged(place, "%d free pages", n)
	}
	before := uint64(1) // the meta pages are never free
	for i := range n {
		id := order.Uint64(ids[8*i:])
		if id <= before || id >= p.n || p.seen[id] {
			return damaged(place, "page %d is said to be free", id)
		}
		before = id
	}
	return nil
}

package task

import "github.com/coderrange/ferrous/internal/mapkey"

// shrinkingMap is a map that gives its memory back once it is empty. The zero value is
// empty.
type shrinkingMap[K comparable, V any] struct {
	m    map[K]V
	most int // entries since m was made
}

// largeMap is how many entries a map that is empty again may have had.
const largeMap = 1024

func (k *shrinkingMap[K, V]) set(key K, v V) {
	if k.m == nil {
		k.m = map[K]V{}
	}
	k.m[key] = v
	k.most = max(k.most, len(k.m))
}

func (k *shrinkingMap[K, V]) delete(key K) {
	delete(k.m, key)
	if len(k.m) == 0 && k.most > largeMap {
		k.m, k.most = nil, 0
	}
}

// checkKey panics if a map could not find the key again, or cannot hash it. name is the
// method that was called.
func checkKey[K comparable](key K, name string) {
	if !mapkey.Valid(key) {
		panic(bug("%s: the key %v (%T) cannot be the key of a map", name, key, key))
	}
}

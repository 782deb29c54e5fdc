package task

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
	if !isKey(key) {
		panic(bug("%s: the key %v (%T) cannot be the key of a map", name, key, key))
	}
}

// isKey reports whether a map finds the key again. A NaN is not equal to itself. An
// interface that holds a slice, say, panics when it is compared.
func isKey[K comparable](key K) (ok bool) {
	defer func() { _ = recover() }()
	return key == key //nolint:gocritic // as a NaN is not
}

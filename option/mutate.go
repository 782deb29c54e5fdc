package option

// AsMut returns a pointer to the value inside o, or nil if o is None. It is
// valid as long as o lives and describes its value until o becomes None.
func (o *Option[T]) AsMut() *T {
	if !o.some {
		return nil
	}
	return &o.value
}

// Insert makes o hold v, whatever it held, and returns a pointer to the value
// inside o.
func (o *Option[T]) Insert(v T) *T {
	*o = Some(v)
	return &o.value
}

// GetOrInsert makes o hold v if it is None, and returns a pointer to the value
// inside o.
func (o *Option[T]) GetOrInsert(v T) *T {
	if !o.some {
		*o = Some(v)
	}
	return &o.value
}

// GetOrInsertDefault makes o hold the zero T if it is None, and returns a
// pointer to the value inside o.
func (o *Option[T]) GetOrInsertDefault() *T {
	o.some = true // the value of a None is the zero T
	return &o.value
}

// GetOrInsertWith makes o hold what f returns if it is None, and returns a
// pointer to the value inside o. If f panics, o stays None.
func (o *Option[T]) GetOrInsertWith(f func() T) *T {
	if !o.some {
		needFunc("Option.GetOrInsertWith", f != nil)
		*o = Some(f())
	}
	return &o.value
}

// Take leaves None in o and returns what was there.
func (o *Option[T]) Take() Option[T] {
	old := *o
	*o = Option[T]{}
	return old
}

// TakeIf takes the value out of o if there is one and pred is true for it.
// The predicate gets a pointer to the value inside o and may change it: the
// change stays, whatever it answers.
func (o *Option[T]) TakeIf(pred func(*T) bool) Option[T] {
	needFunc("Option.TakeIf", !o.some || pred != nil)
	if o.some && pred(&o.value) {
		return o.Take()
	}
	return Option[T]{}
}

// Replace makes o hold v and returns what was there.
func (o *Option[T]) Replace(v T) Option[T] {
	old := *o
	*o = Some(v)
	return old
}

package option

// AsMut returns a pointer to the value inside o, or nil if o is None. Use the pointer
// only until o becomes None.
func (o *Option[T]) AsMut() *T {
	if !o.some {
		return nil
	}
	return &o.value
}

// Insert sets o to Some(v) and returns a pointer to the value inside o.
func (o *Option[T]) Insert(v T) *T {
	*o = Some(v)
	return &o.value
}

// GetOrInsert sets o to Some(v) if it is None. It returns a pointer to the value inside
// o.
func (o *Option[T]) GetOrInsert(v T) *T {
	if !o.some {
		*o = Some(v)
	}
	return &o.value
}

// GetOrInsertDefault sets o to Some of the zero T if it is None. It returns a pointer
// to the value inside o.
func (o *Option[T]) GetOrInsertDefault() *T {
	o.some = true // the value of a None is the zero T
	return &o.value
}

// GetOrInsertWith sets o to Some(f()) if it is None. It returns a pointer to the value
// inside o. If f panics, o stays None.
func (o *Option[T]) GetOrInsertWith(f func() T) *T {
	if !o.some {
		needFunc("Option.GetOrInsertWith", f != nil)
		*o = Some(f())
	}
	return &o.value
}

// Take sets o to None and returns the previous Option.
func (o *Option[T]) Take() Option[T] {
	old := *o
	*o = Option[T]{}
	return old
}

// TakeIf calls pred with a pointer to the value, if there is one. If pred returns true,
// TakeIf sets o to None and returns the previous Option; otherwise it returns None. If
// pred changes the value through the pointer, the change stays even if pred returns
// false.
func (o *Option[T]) TakeIf(pred func(*T) bool) Option[T] {
	needFunc("Option.TakeIf", !o.some || pred != nil)
	if o.some && pred(&o.value) {
		return o.Take()
	}
	return Option[T]{}
}

// Replace sets o to Some(v) and returns the previous Option.
func (o *Option[T]) Replace(v T) Option[T] {
	old := *o
	*o = Some(v)
	return old
}

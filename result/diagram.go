package result

// Diagram draws Ok and the value, or Err and the error, for package diagram.
func (r *Result[T]) Diagram(draw func(name, state string, part any)) {
	if r.err != nil {
		draw("err", "Err", nil)
		draw("err", "", &r.err)
		return
	}
	draw("ok", "Ok", nil)
	draw("value", "", &r.value)
}

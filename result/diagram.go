package result

// Diagram draws r for package diagram: Ok and the value, or Err and the error.
func (r *Result[T]) Diagram(draw func(name, state string, part any)) {
	if r.err != nil {
		draw("err", "Err", nil)
		draw("err", "", &r.err)
		return
	}
	draw("ok", "Ok", nil)
	draw("value", "", &r.value)
}

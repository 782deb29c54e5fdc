package option

// Diagram draws o for package diagram: Some and the value, or None.
func (o *Option[T]) Diagram(draw func(name, state string, part any)) {
	if !o.some {
		draw("", "None", nil)
		return
	}
	draw("some", "true", nil)
	draw("value", "", &o.value)
}

package held_test

import (
	"database/sql/driver"
	"fmt"
	"log/slog"
	"strings"
)

// The probes have every method that an encoder looks for, on a value or on a
// pointer. Each method says its own name.
type (
	byValue    struct{ N int } //nolint:recvcheck // writes by value, reads by pointer
	byPointer  struct{ N int }
	pointerInt int
	pointerMap map[string]int
	valueSlice []int //nolint:recvcheck // as byValue
)

func write(method string, n int) string { return fmt.Sprintf("%s-%d", method, n) }

func read(method, text string) (n int, err error) {
	rest, found := strings.CutPrefix(text, method)
	if !found {
		return 0, fmt.Errorf("%q is not of %s", text, method)
	}
	_, err = fmt.Sscanf(rest, "-%d", &n)
	return n, err
}

func (p byValue) MarshalJSON() ([]byte, error)   { return []byte(`"` + write("json", p.N) + `"`), nil }
func (p byValue) MarshalText() ([]byte, error)   { return []byte(write("text", p.N)), nil }
func (p byValue) MarshalBinary() ([]byte, error) { return []byte(write("binary", p.N)), nil }
func (p byValue) GobEncode() ([]byte, error)     { return []byte(write("gob", p.N)), nil }
func (p byValue) Value() (driver.Value, error)   { return write("sql", p.N), nil }
func (p byValue) MarshalYAML() (any, error)      { return write("yaml", p.N), nil }
func (p byValue) LogValue() slog.Value           { return slog.StringValue(write("log", p.N)) }
func (p byValue) String() string                 { return write("string", p.N) }
func (p byValue) GoString() string               { return write("gostring", p.N) }

func (p *byValue) set(method, text string) error {
	n, err := read(method, text)
	p.N = n
	return err
}

func (p *byValue) UnmarshalJSON(b []byte) error   { return p.set("json", strings.Trim(string(b), `"`)) }
func (p *byValue) UnmarshalText(b []byte) error   { return p.set("text", string(b)) }
func (p *byValue) UnmarshalBinary(b []byte) error { return p.set("binary", string(b)) }
func (p *byValue) GobDecode(b []byte) error       { return p.set("gob", string(b)) }
func (p *byValue) Scan(src any) error             { return p.set("sql", fmt.Sprint(src)) }
func (p *byValue) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	return p.set("yaml", text)
}

func (p *byPointer) MarshalJSON() ([]byte, error)   { return []byte(`"` + write("json", p.N) + `"`), nil }
func (p *byPointer) MarshalText() ([]byte, error)   { return []byte(write("text", p.N)), nil }
func (p *byPointer) MarshalBinary() ([]byte, error) { return []byte(write("binary", p.N)), nil }
func (p *byPointer) GobEncode() ([]byte, error)     { return []byte(write("gob", p.N)), nil }
func (p *byPointer) Value() (driver.Value, error)   { return write("sql", p.N), nil }
func (p *byPointer) MarshalYAML() (any, error)      { return write("yaml", p.N), nil }
func (p *byPointer) LogValue() slog.Value           { return slog.StringValue(write("log", p.N)) }
func (p *byPointer) String() string                 { return write("string", p.N) }
func (p *byPointer) GoString() string               { return write("gostring", p.N) }

func (p *byPointer) set(method, text string) error {
	n, err := read(method, text)
	p.N = n
	return err
}

func (p *byPointer) UnmarshalJSON(b []byte) error   { return p.set("json", strings.Trim(string(b), `"`)) }
func (p *byPointer) UnmarshalText(b []byte) error   { return p.set("text", string(b)) }
func (p *byPointer) UnmarshalBinary(b []byte) error { return p.set("binary", string(b)) }
func (p *byPointer) GobDecode(b []byte) error       { return p.set("gob", string(b)) }
func (p *byPointer) Scan(src any) error             { return p.set("sql", fmt.Sprint(src)) }
func (p *byPointer) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	return p.set("yaml", text)
}

func (p *pointerInt) MarshalJSON() ([]byte, error) {
	return []byte(`"` + write("json", int(*p)) + `"`), nil
}
func (p *pointerInt) MarshalText() ([]byte, error)   { return []byte(write("text", int(*p))), nil }
func (p *pointerInt) MarshalBinary() ([]byte, error) { return []byte(write("binary", int(*p))), nil }
func (p *pointerInt) GobEncode() ([]byte, error)     { return []byte(write("gob", int(*p))), nil }
func (p *pointerInt) Value() (driver.Value, error)   { return write("sql", int(*p)), nil }
func (p *pointerInt) MarshalYAML() (any, error)      { return write("yaml", int(*p)), nil }
func (p *pointerInt) LogValue() slog.Value           { return slog.StringValue(write("log", int(*p))) }
func (p *pointerInt) String() string                 { return write("string", int(*p)) }
func (p *pointerInt) GoString() string               { return write("gostring", int(*p)) }

func (p *pointerInt) set(method, text string) error {
	n, err := read(method, text)
	*p = pointerInt(n)
	return err
}

func (p *pointerInt) UnmarshalJSON(b []byte) error {
	return p.set("json", strings.Trim(string(b), `"`))
}
func (p *pointerInt) UnmarshalText(b []byte) error   { return p.set("text", string(b)) }
func (p *pointerInt) UnmarshalBinary(b []byte) error { return p.set("binary", string(b)) }
func (p *pointerInt) GobDecode(b []byte) error       { return p.set("gob", string(b)) }
func (p *pointerInt) Scan(src any) error             { return p.set("sql", fmt.Sprint(src)) }
func (p *pointerInt) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	return p.set("yaml", text)
}

func (p *pointerMap) MarshalJSON() ([]byte, error) {
	return []byte(`"` + write("json", (*p)["n"]) + `"`), nil
}

func (p *pointerMap) MarshalText() ([]byte, error) { return []byte(write("text", (*p)["n"])), nil }

func (p *pointerMap) MarshalBinary() ([]byte, error) { return []byte(write("binary", (*p)["n"])), nil }
func (p *pointerMap) GobEncode() ([]byte, error)     { return []byte(write("gob", (*p)["n"])), nil }
func (p *pointerMap) Value() (driver.Value, error)   { return write("sql", (*p)["n"]), nil }
func (p *pointerMap) MarshalYAML() (any, error)      { return write("yaml", (*p)["n"]), nil }
func (p *pointerMap) LogValue() slog.Value           { return slog.StringValue(write("log", (*p)["n"])) }
func (p *pointerMap) String() string                 { return write("string", (*p)["n"]) }
func (p *pointerMap) GoString() string               { return write("gostring", (*p)["n"]) }

func (p *pointerMap) set(method, text string) error {
	n, err := read(method, text)
	*p = pointerMap{"n": n}
	return err
}

func (p *pointerMap) UnmarshalJSON(b []byte) error {
	return p.set("json", strings.Trim(string(b), `"`))
}
func (p *pointerMap) UnmarshalText(b []byte) error   { return p.set("text", string(b)) }
func (p *pointerMap) UnmarshalBinary(b []byte) error { return p.set("binary", string(b)) }
func (p *pointerMap) GobDecode(b []byte) error       { return p.set("gob", string(b)) }
func (p *pointerMap) Scan(src any) error             { return p.set("sql", fmt.Sprint(src)) }
func (p *pointerMap) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	return p.set("yaml", text)
}

func (p valueSlice) MarshalJSON() ([]byte, error) {
	return []byte(`"` + write("json", p[0]) + `"`), nil
}
func (p valueSlice) MarshalText() ([]byte, error)   { return []byte(write("text", p[0])), nil }
func (p valueSlice) MarshalBinary() ([]byte, error) { return []byte(write("binary", p[0])), nil }
func (p valueSlice) GobEncode() ([]byte, error)     { return []byte(write("gob", p[0])), nil }
func (p valueSlice) Value() (driver.Value, error)   { return write("sql", p[0]), nil }
func (p valueSlice) MarshalYAML() (any, error)      { return write("yaml", p[0]), nil }
func (p valueSlice) LogValue() slog.Value           { return slog.StringValue(write("log", p[0])) }
func (p valueSlice) String() string                 { return write("string", p[0]) }
func (p valueSlice) GoString() string               { return write("gostring", p[0]) }

func (p *valueSlice) set(method, text string) error {
	n, err := read(method, text)
	*p = valueSlice{n}
	return err
}

func (p *valueSlice) UnmarshalJSON(b []byte) error {
	return p.set("json", strings.Trim(string(b), `"`))
}
func (p *valueSlice) UnmarshalText(b []byte) error   { return p.set("text", string(b)) }
func (p *valueSlice) UnmarshalBinary(b []byte) error { return p.set("binary", string(b)) }
func (p *valueSlice) GobDecode(b []byte) error       { return p.set("gob", string(b)) }
func (p *valueSlice) Scan(src any) error             { return p.set("sql", fmt.Sprint(src)) }
func (p *valueSlice) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	return p.set("yaml", text)
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A page says where a table goes by two comments around its place, of which the
// first names the benchmark, or "machine" for the line about the machine.
var place = regexp.MustCompile(`(?s)(<!-- bench ([\w/.]+) -->\n).*?(<!-- /bench -->)`)

// fill writes the tables that the report has into the Markdown pages of the
// folder. It leaves the others as they are.
func (rep *report) fill(folder string) error {
	pages, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		old, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		text := place.ReplaceAllStringFunc(string(old), func(old string) string {
			parts := place.FindStringSubmatch(old)
			if text := rep.text(parts[2]); text != "" {
				return parts[1] + text + parts[3]
			}
			return old
		})
		if text == string(old) {
			continue
		}
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil { //nolint:gosec // it is to be read by all
			return err
		}
	}
	return nil
}

func (rep *report) text(name string) string {
	if name == "machine" {
		return rep.head + ".\n"
	}
	var b strings.Builder
	for _, t := range rep.tables {
		if t.name == name {
			writeTable(&b, t.cells(), true)
		}
	}
	return b.String()
}

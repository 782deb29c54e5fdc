package main

import (
	"fmt"
	"html"
	"strings"
)

// page is an HTML page that shows all scenes; it needs no script.
func page(all []*scene) string {
	var out strings.Builder
	out.WriteString(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Memory diagrams of live Go values</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1100px;padding:1rem}
h2{margin:2.5rem 0 .3rem;overflow-wrap:anywhere}pre{overflow-x:auto;padding:.7rem;border:1px solid #8888;border-radius:6px;font-size:13px}
.code{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem}.wide{overflow-x:auto}.narrow{display:none}
nav ol{columns:3;font-size:14px}a{color:inherit}
@media(max-width:720px){.code{grid-template-columns:minmax(0,1fr)}nav ol{columns:1}}
@media(max-width:600px){.wide{display:none}.narrow{display:block}}
</style></head><body>
<h1>Memory diagrams of live Go values</h1>
<p>Each picture was made from the values of the running program. The variables of a frame are drawn where the
code has them; a program that takes their addresses, as this one does, keeps them on the heap.</p>
<nav><ol>
`)
	for _, s := range all {
		fmt.Fprintf(&out, "<li><a href=\"#%s\">%s</a></li>\n", s.name, html.EscapeString(s.title))
	}
	out.WriteString("</ol></nav>\n<main>\n")
	for _, s := range all {
		fmt.Fprintf(&out, "<section><h2 id=\"%s\">%s</h2>\n<p>%s</p>\n", s.name, html.EscapeString(s.title), html.EscapeString(s.says))
		out.WriteString(`<div class="code">`)
		fmt.Fprintf(&out, "<pre tabindex=\"0\">%s</pre><pre tabindex=\"0\">%s</pre></div>\n", html.EscapeString(s.theirs), html.EscapeString(s.ours))
		fmt.Fprintf(&out, "<div class=\"wide\">%s</div>\n<div class=\"narrow\">", s.svg())
		for _, step := range s.steps {
			out.WriteString(step.Picture.NarrowSVG(strings.TrimSpace(s.title + " " + step.Caption)))
		}
		out.WriteString("</div></section>\n")
	}
	out.WriteString("</main></body></html>\n")
	return out.String()
}

// table is docs/diagrams/README.md: the document's page, the scene, what it shows.
func table(all []*scene) string {
	var out strings.Builder
	out.WriteString(`# Memory diagrams

The diagrams of the source document, in its order, drawn from live Go values by

    go test ./examples/memory -update

` + "`go run ./examples/memory`" + ` prints them as text. With ` + "`-page memory.html`" + ` it shows all of them on one page, with the document's code
beside the Go code. A test holds the files here against the program.

Left out: ref against & (two spellings of one thing), the execution flow and the
concept map (they draw no memory).

| page of the document | scene | what the picture shows |
| --- | --- | --- |
`)
	for _, s := range all {
		fmt.Fprintf(&out, "| %s | [%s](%s.svg) | %s |\n", cell(s.page), cell(s.title), s.name, cell(s.says))
	}
	return out.String()
}

// cell keeps text from being taken for markup in a table.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(text) }

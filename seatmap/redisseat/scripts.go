package redisseat

import (
	"crypto/sha1" // it names scripts
	_ "embed"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/redis/rueidis"
)

var (
	//go:embed begin.lua
	beginText string
	//go:embed functions.lua
	functionsText string
	//go:embed head.lua
	headText string
	//go:embed due.lua
	dueText string
	//go:embed owner.lua
	ownerText string

	//go:embed open.lua
	openText string
	//go:embed create.lua
	createText string
	//go:embed remove.lua
	removeText string
	//go:embed look.lua
	lookText string
	//go:embed layout.lua
	layoutText string
	//go:embed state.lua
	stateText string
	//go:embed counts.lua
	countsText string
	//go:embed seats.lua
	seatsText string
	//go:embed cells.lua
	cellsText string
	//go:embed records.lua
	recordsText string
	//go:embed upload.lua
	uploadText string
	//go:embed clean.lua
	cleanText string
	//go:embed holds.lua
	holdsText string
	//go:embed block.lua
	blockText string
	//go:embed book.lua
	bookText string
	//go:embed giveback.lua
	givebackText string
	//go:embed sweep.lua
	sweepText string
	//go:embed dueevents.lua
	dueEventsText string
	//go:embed extend.lua
	extendText string
)

// script is one kind of request.
type script struct {
	*rueidis.Lua
	text, sha string
	// reads says that a request changes nothing but to end holds that are due. So it can
	// be repeated.
	reads bool
}

// newScript makes a script of straight code, and of code that uses functions.
func newScript(reads bool, straight, code string) script {
	text := straight + withFunctions(code)
	sum := sha1.Sum([]byte(text))
	return script{rueidis.NewLuaScript(text), text, hex.EncodeToString(sum[:]), reads}
}

// withFunctions puts those functions of functions.lua before the code that it calls, and that
// they call. Each function there calls only those above it.
func withFunctions(code string) string {
	functions := strings.SplitAfter(functionsText, "\nend\n")
	for _, function := range slices.Backward(functions) {
		_, name, _ := strings.Cut(function, "local function ")
		name, _, _ = strings.Cut(name, "(")
		if name != "" && regexp.MustCompile(`\b`+name+`\(`).MatchString(code) {
			code = function + code
		}
	}
	return code
}

var (
	// head ends the holds that are due. Only a call that finds some makes the functions for it.
	afterBegin = headText + "if #due > 0 then\n" + withFunctions(dueText) + "end\n"
	head       = beginText + afterBegin

	createScript   = newScript(false, beginText, createText)
	removeScript   = newScript(false, beginText, removeText)
	lookScript     = newScript(true, head, lookText)
	layoutScript   = newScript(true, head, layoutText)
	stateScript    = newScript(true, head, stateText)
	countsScript   = newScript(true, head, countsText)
	seatsScript    = newScript(true, head, seatsText)
	cellsScript    = newScript(true, head, cellsText)
	recordsScript  = newScript(true, head, recordsText)
	uploadScript   = newScript(true, beginText, uploadText)
	cleanScript    = newScript(true, beginText, cleanText)
	holdsScript    = newScript(true, head, holdsText)
	blockScript    = newScript(false, head, blockText)
	bookScript     = newScript(false, head, ownerText+bookText)
	givebackScript = newScript(false, head, ownerText+givebackText)
	// sweepScript also takes an event that has gone out of the index.
	sweepScript     = newScript(true, beginText+"if not life then\n"+withFunctions("index()\nreturn {'ok', '0'}\n")+"end\n"+afterBegin, sweepText)
	dueEventsScript = newScript(true, "", dueEventsText)
	extendScript    = newScript(false, head, ownerText+extendText)

	// openScript returns the secret of the store, which the first client has drawn.
	openScript = newScript(true, openText, "")
)

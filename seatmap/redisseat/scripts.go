package redisseat

import (
	"crypto/sha1" // it names scripts
	_ "embed"
	"encoding/hex"
	"strings"

	"github.com/redis/rueidis"
)

var (
	//go:embed common.lua
	common string
	//go:embed head.lua
	head string
	//go:embed owner.lua
	owner string

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
	//go:embed load.lua
	loadText string
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

func newScript(reads bool, parts ...string) script {
	text := strings.Join(parts, "")
	sum := sha1.Sum([]byte(text))
	return script{rueidis.NewLuaScript(text), text, hex.EncodeToString(sum[:]), reads}
}

var (
	createScript   = newScript(false, common, createText)
	removeScript   = newScript(false, common, removeText)
	lookScript     = newScript(true, common, head, lookText)
	layoutScript   = newScript(true, common, head, layoutText)
	stateScript    = newScript(true, common, head, stateText)
	countsScript   = newScript(true, common, head, countsText)
	seatsScript    = newScript(true, common, head, seatsText)
	cellsScript    = newScript(true, common, head, cellsText)
	recordsScript  = newScript(true, common, head, recordsText)
	uploadScript   = newScript(true, common, uploadText)
	loadScript     = newScript(true, common, loadText)
	cleanScript    = newScript(true, common, cleanText)
	holdsScript    = newScript(true, common, head, holdsText)
	blockScript    = newScript(false, common, head, blockText)
	bookScript     = newScript(false, common, head, owner, bookText)
	givebackScript = newScript(false, common, head, owner, givebackText)
	extendScript   = newScript(false, common, head, owner, extendText)

	// secretScript returns the secret of the store, which the first client has drawn. It
	// refuses a server of 32 bits, whose %d cannot write fences.
	secretScript = newScript(true, `if string.format('%d', 2^40) ~= '1099511627776' then return redis.error_reply('ERR the server has 32 bits') end
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])`)
)

package api

// pending are names that are being changed. The rows go as the names do.
var pending = map[exception]bool{}

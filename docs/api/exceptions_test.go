package api

// pending are names that are being changed. The rows go as the names do.
var pending = map[exception]bool{
	{5, "refcell.*RefCell.*With"}: true,
	{11, "arcmutex.*"}:            true,
	{11, "retry.Attempt"}:         true,
	{11, "retry.Permit"}:          true,
}

package api

// pending are names that are being changed. The rows go as the names do.
var pending = map[exception]bool{
	{2, "seatmap.NewMap"}:         true,
	{2, "seatmap.NewPlan"}:        true,
	{2, "seatmap.PlanConfig"}:     true,
	{3, "seatmap.NewMap"}:         true,
	{5, "refcell.*RefCell.*With"}: true,
	{11, "arcmutex.*"}:            true,
	{11, "retry.Attempt"}:         true,
	{11, "retry.Permit"}:          true,
	{11, "seatmap.Cursor"}:        true,
	{13, "seatmap.*"}:             true,
}

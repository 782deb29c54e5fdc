package wal

// syncDir does nothing: Windows does not sync directories. NTFS keeps the order of names
// in its own log.
func syncDir(string) error { return nil }

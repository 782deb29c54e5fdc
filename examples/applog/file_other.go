//go:build !unix

package main

import "os"

func openOther(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) }

// isRemoved is false: an open file cannot be removed.
func isRemoved(*os.File) bool { return false }

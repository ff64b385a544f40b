//go:build !linux

package main

// diskSpace is not known here.
func diskSpace(string) (free, whole int64) { return 0, 0 }

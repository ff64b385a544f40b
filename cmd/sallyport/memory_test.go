package main

import (
	"runtime"
	"testing"
)

// TestCollections: each collection is told of, not the first alone.
func TestCollections(t *testing.T) {
	told := collections(t.Context())
	for range 3 {
		runtime.GC()
		<-told
	}
}

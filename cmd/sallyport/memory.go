package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What lives in this program is small and what passes through it is much. By
// default the collector would run whenever as much has passed as lives, many
// times a second; and what it frees would stay with the program for minutes
// after a rush.
const (
	// garbageMin is how much may pass between two collections.
	garbageMin = 48 << 20
	// The bounds of the collector's percentage; 100 is its default.
	gcPercentMin = 100
	gcPercentMax = 1600
	// memoryPoll is how often it is looked whether anything goes on.
	memoryPoll = time.Second
	// In a poll in which less than quietBytes were allocated hardly anything went on,
	// and then all that is free or garbage is given back to the system, if spareBytes
	// or more were allocated since that was last done.
	quietBytes = 4 << 20
	spareBytes = 8 << 20
)

// keepMemory lets garbage grow to garbageMin before it is collected, and gives
// memory back when nothing goes on, until ctx ends. The variable GOGC wins over
// the first.
func keepMemory(ctx context.Context) {
	var collected <-chan struct{}
	if os.Getenv("GOGC") == "" {
		collected = collections(ctx)
	}
	tick := time.NewTicker(memoryPoll)
	defer tick.Stop()
	var before memory
	given := uint64(0) // what was allocated when memory was last given back
	for {
		select {
		case <-ctx.Done():
			return
		case <-collected:
			debug.SetGCPercent(gcPercent(readMemory().live))
			continue
		case <-tick.C:
		}
		now := readMemory()
		if now.allocated-before.allocated < quietBytes && now.allocated-given >= spareBytes {
			debug.FreeOSMemory()
			given = now.allocated
		}
		before = now
	}
}

// collections tells of each collection until ctx ends, soon after it: a rush may
// make a few of what lives in a fraction of a second, and by the percentage of
// before it, garbage would come to several times garbageMin.
func collections(ctx context.Context) <-chan struct{} {
	told := make(chan struct{}, 1)
	var watch func()
	watch = func() {
		runtime.AddCleanup(new(garbage), func(struct{}) {
			select {
			case told <- struct{}{}:
			default: // the one before is still to be heard of, and what lives is read then
			}
			if ctx.Err() == nil {
				watch()
			}
		}, struct{}{})
	}
	watch()
	return told
}

// garbage is what the next collection finds. It is as large as what the runtime
// keeps apart from others.
type garbage [16]byte

// gcPercent is how much garbage may come to what lives, in per cent of it.
func gcPercent(live uint64) int {
	return int(min(max(100*garbageMin/max(live, 1), gcPercentMin), gcPercentMax))
}

// memory is the state of the heap, in bytes.
type memory struct {
	live      uint64 // at the last collection
	allocated uint64 // since the start
}

func readMemory() memory {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return memory{live: samples[0].Value.Uint64(), allocated: samples[1].Value.Uint64()}
}

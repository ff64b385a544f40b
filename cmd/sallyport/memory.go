package main

import (
	"context"
	"os"
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
	// memoryPoll is how often the two are looked after.
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
	fixed := os.Getenv("GOGC") != ""
	tick := time.NewTicker(memoryPoll)
	defer tick.Stop()
	var before memory
	given := uint64(0) // what was allocated when memory was last given back
	for percent := gcPercentMin; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := readMemory()
		if wanted := gcPercent(now.live); !fixed && wanted != percent {
			percent = wanted
			debug.SetGCPercent(percent)
		}
		if now.allocated-before.allocated < quietBytes && now.allocated-given >= spareBytes {
			debug.FreeOSMemory()
			given = now.allocated
		}
		before = now
	}
}

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

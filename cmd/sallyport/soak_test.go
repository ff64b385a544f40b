package main

import (
	"flag"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var soakTime = flag.Duration("soak-time", 3*time.Second, "how long TestSoak calls at half of what the server can do")

const (
	soakCallers = 64
	soakSamples = 10
	warmTimeMax = 20 * time.Second
	warmShare   = 2                // of soakTime, for the warm-up
	restTime    = 30 * time.Second // after which a server is what it was before
	stillTime   = 3 * time.Second  // for which the least is taken that is seen
	// What may be more than before: goroutines and files that come and go by
	// themselves, and memory that is not yet given back.
	restSlack  = 5
	restMemory = 24 << 20
)

// TestSoak calls a server for long at half the rate that it can do, and then lets
// it rest: memory, goroutines and files come back to what they were before, within
// half a minute. Every answer on the way is in the books.
func TestSoak(t *testing.T) {
	t.Parallel()
	q := newQuickProvider(t)
	c := openClusterOn(t, q.config("metrics_addr: 127.0.0.1:0\n"), 1, "")
	s := saturation{cluster: c, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: soakCallers}}}

	warm := min(*soakTime/warmShare, warmTimeMax)
	s.call(soakCallers, during(warm))
	first := len(s.answers)
	s.call(soakCallers, during(warm)) // now that everything is warm
	rate := float64(len(s.answers)-first) / warm.Seconds()
	before := s.rest(q, vitals{})
	t.Logf("at most %.0f calls a second", rate)
	t.Logf("%8s %10s %10s %12s %8s", "", "RSS MiB", "heap MiB", "goroutines", "files")
	before.log(t, "before")

	var sampling sync.WaitGroup
	begun := time.Now()
	sampling.Go(func() {
		for n := range soakSamples {
			time.Sleep(time.Until(begun.Add(*soakTime * time.Duration(n+1) / (soakSamples + 1))))
			s.vitals().log(t, time.Since(begun).Round(time.Second).String())
		}
	})
	made := len(s.answers)
	s.call(soakCallers, paced(time.Duration(2*float64(time.Second)/rate), *soakTime))
	sampling.Wait()
	ended := time.Now()
	after := s.rest(q, before)
	after.log(t, "after")
	t.Logf("%d calls in %s; at rest again %s after the last", len(s.answers)-made, ended.Sub(begun).Round(time.Second), time.Since(ended).Round(time.Second))
	if !after.within(before) {
		t.Errorf("the server has %+v %s after the load, and had %+v before", after, restTime, before)
	}
	c.stopAll()
	s.compare(t, q)
}

// during says so for a time.
func during(d time.Duration) func() bool {
	begun := time.Now()
	return func() bool { return time.Since(begun) < d }
}

// paced says so for a time, once a period: a caller that asks waits for its turn.
func paced(period, d time.Duration) func() bool {
	begun := time.Now()
	var turns atomic.Int64
	return func() bool {
		at := time.Duration(turns.Add(1)) * period
		time.Sleep(time.Until(begun.Add(at))) // by the timetable, however long the call before took
		return at < d
	}
}

// vitals are what a process holds.
type vitals struct{ rss, heap, goroutines, files, collections int }

func (s *saturation) vitals() vitals {
	s.t.Helper()
	text := s.nodes[0].metrics(s.t)
	number := func(name string) int { return metric(s.t, text, name) }
	return vitals{
		number("process_resident_memory_bytes"), number("go_memstats_heap_alloc_bytes"),
		number("go_goroutines"), number("process_open_fds"), number("go_gc_duration_seconds_count"),
	}
}

// least is the smaller of each.
func (v vitals) least(w vitals) vitals {
	return vitals{
		min(v.rss, w.rss), min(v.heap, w.heap), min(v.goroutines, w.goroutines), min(v.files, w.files),
		max(v.collections, w.collections),
	}
}

// within says whether they are what they were, or less. Memory that the race
// detector took for the server's it never gives back, so with it only the heap tells.
func (v vitals) within(before vitals) bool {
	return v.goroutines <= before.goroutines+restSlack && v.files <= before.files+restSlack &&
		v.heap <= before.heap+restMemory && (raceDetector || v.rss <= before.rss+restMemory)
}

func (v vitals) log(t *testing.T, when string) {
	const mib = 1 << 20
	t.Logf("%8s %10.1f %10.1f %12d %8d", when, float64(v.rss)/mib, float64(v.heap)/mib, v.goroutines, v.files)
}

// rest lets callers and provider close their connections, and returns the least
// that is seen then: as soon as it is what it was before, at the latest after
// restTime. Without a before it looks for stillTime.
func (s *saturation) rest(q *quickProvider, before vitals) vitals {
	s.t.Helper()
	s.client.CloseIdleConnections()
	q.CloseClientConnections()
	begun, first := time.Now(), s.vitals()
	least := first
	for least.collections < first.collections+2 && time.Since(begun) < restTime {
		least = least.least(s.vitals()) // no pause: what asking costs lets the collector run
	}
	still := time.Now()
	rested := func() bool {
		if before == (vitals{}) {
			return time.Since(still) > stillTime
		}
		return least.within(before)
	}
	for !rested() && time.Since(begun) < restTime {
		time.Sleep(memoryPoll) // a server of which nothing is asked gives memory back
		least = least.least(s.vitals())
	}
	return least
}

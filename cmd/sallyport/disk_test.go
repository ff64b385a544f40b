package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// diskFault is a way in which a disk fails under a running server.
type diskFault struct {
	name string
	// begin makes the disk fail and returns what mends it.
	begin func(h *diskHouse) (end func())
	// starts: a server can start on such a disk.
	starts bool
}

var diskFaults = []diskFault{
	{"full", (*diskHouse).fill, false},
	{"files cannot grow", (*diskHouse).limitFiles, true}, // a limit on the process that was killed
	{"writes fail", injected("pwrite64,ftruncate", "EIO"), true},
	{"read-only", injected("pwrite64,ftruncate", "EROFS"), true},
	{"fsync fails", injected("fsync,fdatasync", "EIO"), true},
}

// TestDiskFails lets the disk of a server under load fail. While it does, calls
// are refused with 503 audit_unavailable, the process lives and is not ready;
// when it does no longer, the server recovers alone. Then the disk fails again
// and the server is killed in it. In the end no call is missing that a client
// saw answered, and the books are in order.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	for _, fault := range diskFaults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			h := openDiskHouse(t)
			l := newLoad(h.account.APIKey)
			l.during(h.server.url, func() {
				h.fake.Wait(t, diskCalls)
				end := fault.begin(h)
				h.refuses(l)
				end()
				h.recovers(l)
				h.fake.Wait(t, len(h.fake.Requests())+diskCalls)
				end = fault.begin(h)
				h.refuses(l)
				h.server.kill()
				if !fault.starts {
					h.doesNotStart()
				}
				end()
			})
			h.start()
			h.recovers(l)
			if err := h.server.stop(); err != nil {
				t.Fatal(err)
			}
			h.command("audit", "verify")
			h.leaveDisk()
			compareBooks(t, h.database(), h.account.OrgID, h.fake, l)
			t.Logf("%d calls begun, %d seen by the provider, %d finished at the client", l.begun, len(h.fake.Requests()), len(l.done))
		})
	}
}

// TestDiskReadOnly starts a server on a disk that cannot be written: it says so
// and ends, and serves once it can.
func TestDiskReadOnly(t *testing.T) {
	t.Parallel()
	h := openDiskHouse(t)
	l := newLoad(h.account.APIKey)
	h.recovers(l)
	if err := h.server.stop(); err != nil {
		t.Fatal(err)
	}
	h.remount("ro")
	h.doesNotStart()
	h.remount("rw")
	h.start()
	h.recovers(l)
	if err := h.server.stop(); err != nil {
		t.Fatal(err)
	}
	h.leaveDisk()
	compareBooks(t, h.database(), h.account.OrgID, h.fake, l)
}

const (
	diskCalls      = 50 // after which calls are well under way
	refusalsWanted = 20 // that are seen while the disk fails
)

// refuses waits until calls are refused, and looks at what else is to be seen.
func (h *diskHouse) refuses(l *load) {
	h.t.Helper()
	deadline := time.Now().Add(readyTime)
	for refused := 0; refused < refusalsWanted; {
		answer, err := l.call(h.t.Context(), h.server.url)
		told := strings.Contains(answer.body, `"code":"audit_unavailable"`)
		switch {
		case err == nil && answer.status == http.StatusServiceUnavailable && told && answer.header.Get("Retry-After") != "":
			refused++
		case err == nil && answer.status < http.StatusServiceUnavailable: // made before the disk was full to the last block, or a stream that ends with the error
		default:
			h.t.Fatalf("got %d %s, %v, want 503 audit_unavailable", answer.status, answer.body, err)
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%d calls were refused, want %d", refused, refusalsWanted)
		}
	}
	h.waitStatus("/readyz", http.StatusServiceUnavailable)
	h.waitStatus("/healthz", http.StatusOK)
}

// recovers waits until the server is ready and answers calls.
func (h *diskHouse) recovers(l *load) {
	h.t.Helper()
	h.waitStatus("/readyz", http.StatusOK)
	done := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.done)
	}
	was := done()
	for deadline := time.Now().Add(readyTime); done() == was; {
		answer, err := l.call(h.t.Context(), h.server.url)
		if time.Now().After(deadline) {
			h.t.Fatalf("got %d %s, %v", answer.status, answer.body, err)
		}
	}
}

func (h *diskHouse) waitStatus(path string, status int) {
	h.t.Helper()
	for deadline := time.Now().Add(readyTime); ; time.Sleep(pollTime) { // as a balancer polls
		answer := h.do(http.MethodGet, path, "")
		if answer.status == status {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: got %d %s, want %d", path, answer.status, answer.body, status)
		}
	}
}

// doesNotStart wants a server that ends at its start, and says why.
func (h *diskHouse) doesNotStart() {
	h.t.Helper()
	s, err := spawnServer(func(name string) string { return h.env[name] }, h.dir, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if s.ready() == nil {
		s.kill()
		h.t.Error("a server started on the failing disk")
	}
	h.t.Logf("a server that cannot start says: %s", s.output())
}

package journal_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// leases is a journal.Leases that several journals share, over their store.
type leases struct {
	*memory

	mu    sync.Mutex
	until map[journal.Life]time.Time
	ended map[journal.Life]bool
	away  bool // nobody is answered
}

func newLeases(m *memory) *leases {
	return &leases{memory: m, until: map[journal.Life]time.Time{}, ended: map[journal.Life]bool{}}
}

func (s *leases) set(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *leases) lock() (unlock func(), err error) {
	s.mu.Lock()
	if s.away {
		s.mu.Unlock()
		return nil, errDisk
	}
	return s.mu.Unlock, nil
}

func (s *leases) TakeLease(_ context.Context, l journal.Life, d time.Duration) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	for other := range s.until {
		if other.Node == l.Node && other.Boot != l.Boot {
			s.ended[other] = true
		}
	}
	s.until[l] = time.Now().Add(d)
	return nil
}

func (s *leases) RenewLease(_ context.Context, l journal.Life, d time.Duration) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if s.ended[l] {
		return sallyport.NewError(sallyport.NotFound, "no such lease")
	}
	s.until[l] = time.Now().Add(d)
	return nil
}

func (s *leases) EndLease(_ context.Context, l journal.Life) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[l] = true
	return nil
}

func (s *leases) EndLeases(context.Context) (ended []journal.Life, err error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	for l, until := range s.until {
		if !s.ended[l] && until.Before(time.Now()) {
			s.ended[l] = true
			ended = append(ended, l)
		}
	}
	return ended, nil
}

func (s *leases) EndedCalls(_ context.Context, limit int) (calls []journal.OpenCall, err error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	for _, c := range s.open {
		if s.ended[journal.Life{Node: c.Node, Boot: c.Boot}] && len(calls) < limit {
			calls = append(calls, c)
		}
	}
	return calls, nil
}

// node starts a journal that has taken its lease.
func node(t *testing.T, s *leases, name string) *journal.Journal {
	t.Helper()
	j := journal.New(s.memory, journal.Options{
		Node: name, Boot: "1", Interrupted: interrupted, Log: slog.New(slog.DiscardHandler), Leases: s,
	})
	_, err := j.Commit(t.Context(), intent("before-"+name))
	unavailable(t, err) // no lease, no calls
	ok(t, j.TakeLease(t.Context()))
	return j
}

// charged says whether a call was closed at the price of its hold.
func charged(s *leases, call string) bool {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	_, is := s.memory.charged[sallyport.CallID(call)]
	return is
}

// dead leaves an open call of a node that died with a fresh lease.
func dead(t *testing.T, s *leases, call string) {
	t.Helper()
	ok(t, s.TakeLease(t.Context(), journal.Life{Node: "dead", Boot: "1"}, journal.LeaseTime))
	e := intent(call)
	e.Open.Node, e.Open.Boot = "dead", "1"
	_, err := s.CommitBatch(t.Context(), journal.BatchID("of the dead "+call), []journal.Entry{e})
	ok(t, err)
}

// The calls of a dead node are closed when its lease has run out and not
// before; those of living nodes are left alone however long they take.
func TestNeighbourIsRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLeases(newMemory())
		a, b := node(t, s, "a"), node(t, s, "b")
		for _, j := range []*journal.Journal{a, b} {
			_, err := j.Commit(t.Context(), intent("long"+string(rune('0'+len(s.open)))))
			ok(t, err)
		}
		dead(t, s, "left")
		time.Sleep(journal.LeaseTime - time.Second) // fake time, here and below
		synctest.Wait()
		if charged(s, "left") {
			t.Error("a call was closed while its node's lease lasted")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !charged(s, "left") {
			t.Error("the call of a dead node is open still")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if charged(s, "long0") || charged(s, "long1") {
			t.Error("the call of a living node was closed")
		}
		ok(t, a.Close(t.Context())) // gives the lease back: b need not wait
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if !charged(s, "long0") || charged(s, "long1") {
			t.Error("want what the stopped node left closed, and nothing else")
		}
		ok(t, b.Close(t.Context()))
	})
}

// Without its lease a node opens no calls; outcomes are written. When the
// database is back nobody has taken anybody for dead.
func TestLeaseRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLeases(newMemory())
		a, b := node(t, s, "a"), node(t, s, "b")
		_, err := a.Commit(t.Context(), intent("begun"))
		ok(t, err)
		time.Sleep(time.Minute)
		s.set(true)
		time.Sleep(5 * time.Second)
		_, err = a.Commit(t.Context(), intent("within"))
		ok(t, err)
		time.Sleep(journal.LeaseTime)
		_, err = a.Commit(t.Context(), intent("without"))
		unavailable(t, err)
		unavailable(t, a.Healthy())
		ok(t, a.CommitOutcome(t.Context(), outcome("begun")))

		time.Sleep(time.Hour)
		s.set(false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for _, j := range []*journal.Journal{a, b} {
			ok(t, j.Healthy())
			select {
			case <-j.Lost():
				t.Error("a node lost its lease because the database was away")
			default:
			}
		}
		if charged(s, "within") {
			t.Error("the call of a node that came back was closed")
		}
		ok(t, a.Close(t.Context()))
		ok(t, b.Close(t.Context()))
	})
}

// Who was taken for dead opens no calls ever again.
func TestLeaseEndedByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLeases(newMemory())
		j := node(t, s, "a")
		ok(t, s.EndLease(t.Context(), journal.Life{Node: "a", Boot: "1"}))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		select {
		case <-j.Lost():
		default:
			t.Error("the node does not know that it lost its lease")
		}
		_, err := j.Commit(t.Context(), intent("c"))
		unavailable(t, err)
		ok(t, j.Close(t.Context()))
	})
}

func TestLeaseNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLeases(newMemory())
		s.set(true)
		j := journal.New(s.memory, journal.Options{Node: "a", Boot: "1", Interrupted: interrupted, Leases: s})
		if err := j.TakeLease(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("error is %v, want the store's", err)
		}
		ok(t, j.Close(t.Context()))
	})
}

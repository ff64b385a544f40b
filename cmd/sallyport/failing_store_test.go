package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// fault is how a durable write fails.
type fault struct {
	name  string
	after bool // it took effect, and its caller is told that it failed
	dies  bool // no write after it succeeds: the process is as good as dead
}

var faults = []fault{
	{name: "fails before"},
	{name: "fails after", after: true},
	{name: "dies before", dies: true},
	{name: "dies after", after: true, dies: true},
}

// failingStore counts durable writes and lets one fail, or all from one on.
type failingStore struct {
	*store.DB
	fault
	at int // the write that fails, counted from 1; 0: none

	mu     sync.Mutex
	writes int
}

var errDisk = errors.New("the disk failed")

func (s *failingStore) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at > 0 && s.writes >= s.at
}

// write does a durable write, or fails before or after it.
func (s *failingStore) write(failure error, do func() error) error {
	s.mu.Lock()
	s.writes++
	now, dead := s.writes == s.at, s.dies && s.at > 0 && s.writes > s.at
	s.mu.Unlock()
	if dead || now && !s.after {
		return errDisk
	}
	err := do()
	if now && err == nil {
		return failure
	}
	return err
}

func (s *failingStore) CommitBatch(ctx context.Context, id journal.BatchID, entries []journal.Entry) (results []journal.Result, err error) {
	err = s.write(journal.ErrOutcomeUnknown, func() error {
		results, err = s.DB.CommitBatch(ctx, id, entries)
		return err
	})
	return results, err
}

func (s *failingStore) TakeLease(ctx context.Context, l journal.Life, d time.Duration) error {
	return s.write(errDisk, func() error { return s.DB.TakeLease(ctx, l, d) })
}

func (s *failingStore) EndLease(ctx context.Context, l journal.Life) error {
	return s.write(errDisk, func() error { return s.DB.EndLease(ctx, l) })
}

func (s *failingStore) CreateKey(ctx context.Context, key sallyport.Key, bounds sallyport.KeyBounds, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.CreateKey(ctx, key, bounds, rec) })
}

func (s *failingStore) RevokeKey(ctx context.Context, org sallyport.OrgID, id sallyport.KeyID, at time.Time, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.RevokeKey(ctx, org, id, at, rec) })
}

func (s *failingStore) Grant(ctx context.Context, org sallyport.OrgID, amount sallyport.Credits, note string, rec sallyport.Record) (b sallyport.Credits, err error) {
	err = s.write(errDisk, func() error {
		b, err = s.DB.Grant(ctx, org, amount, note, rec)
		return err
	})
	return b, err
}

func (s *failingStore) SetPolicy(ctx context.Context, org sallyport.OrgID, kind, subject string, body []byte, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.SetPolicy(ctx, org, kind, subject, body, rec) })
}

func (s *failingStore) SetBudget(ctx context.Context, org sallyport.OrgID, id sallyport.BudgetID, limit sallyport.Credits, rec sallyport.Record) (b sallyport.Budget, err error) {
	err = s.write(errDisk, func() error {
		b, err = s.DB.SetBudget(ctx, org, id, limit, rec)
		return err
	})
	return b, err
}

func (s *failingStore) RemoveBudget(ctx context.Context, org sallyport.OrgID, id sallyport.BudgetID, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.RemoveBudget(ctx, org, id, rec) })
}

func (s *failingStore) CreateAgent(ctx context.Context, a sallyport.Agent, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.CreateAgent(ctx, a, rec) })
}

func (s *failingStore) CreateRun(ctx context.Context, r sallyport.Run, first *sallyport.FirstRequest, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.CreateRun(ctx, r, first, rec) })
}

func (s *failingStore) SaveRunStep(ctx context.Context, org sallyport.OrgID, step sallyport.RunStep, charge sallyport.Credits, usage sallyport.Usage) error {
	return s.write(errDisk, func() error { return s.DB.SaveRunStep(ctx, org, step, charge, usage) })
}

func (s *failingStore) BeginRunCall(ctx context.Context, org sallyport.OrgID, c sallyport.RunCall) (n int, err error) {
	err = s.write(errDisk, func() (err error) {
		n, err = s.DB.BeginRunCall(ctx, org, c)
		return err
	})
	return n, err
}

func (s *failingStore) EndRunCall(ctx context.Context, org sallyport.OrgID, c sallyport.RunCall) error {
	return s.write(errDisk, func() error { return s.DB.EndRunCall(ctx, org, c) })
}

func (s *failingStore) FinishRun(ctx context.Context, org sallyport.OrgID, run sallyport.RunID, status sallyport.RunStatus, end []byte, at time.Time, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.FinishRun(ctx, org, run, status, end, at, rec) })
}

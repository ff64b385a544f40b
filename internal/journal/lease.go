package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// A lease says that a life of a node is alive. Its holder renews it long before
// it runs out, and opens no calls when it could not. Others end a lease that has
// run out, which its holder can never undo, and then close its calls.
const (
	// LeaseTime is how long a lease lasts: the longest that a dead node's calls
	// keep their holds before a neighbour may close them.
	LeaseTime = 15 * time.Second
	// leaseRenewed is how often a lease is renewed, and leaseRetried how often
	// that is tried after it failed.
	leaseRenewed = 5 * time.Second
	leaseRetried = time.Second
	leaseTimeout = 4 * time.Second
)

// Life names one life of a node.
type Life struct{ Node, Boot string }

// Leases keeps the lives of all nodes; store.DB is the real one. Times are
// measured by the database's clock alone, so those of the nodes need not agree.
// All methods are safe for concurrent use, by several processes too.
type Leases interface {
	// TakeLease begins a life that lasts for d unless it is renewed, and ends
	// all earlier lives of its node.
	TakeLease(ctx context.Context, l Life, d time.Duration) error
	// RenewLease lets a life last for d from now, also when it has run out. It
	// is sallyport.NotFound for one that has ended.
	RenewLease(ctx context.Context, l Life, d time.Duration) error
	// EndLease ends a life. Ending it twice is harmless.
	EndLease(ctx context.Context, l Life) error
	// EndLeases ends the lives that have run out and returns them. It forgets
	// those that ended long ago and left nothing.
	EndLeases(ctx context.Context) ([]Life, error)
	// EndedCalls lists calls without an outcome of lives that have ended,
	// oldest first, at most limit.
	EndedCalls(ctx context.Context, limit int) ([]OpenCall, error)
}

var (
	errNoLease = errors.New("this node could not renew its lease, so others may take it for dead")
	// ErrLeaseEnded is why a journal opens no calls any more: others took its
	// node for dead, or another process serves as the same node.
	ErrLeaseEnded = errors.New("the lease of this node was ended by another: it was away for longer than its lease lasts, " +
		"or another server has a copy of its data folder; restart it, with a data folder of its own")
)

// TakeLease makes this journal's node alive and keeps it so until Close. From
// now on it also closes the calls of nodes whose lease has ended. Without
// Options.Leases it does nothing.
func (j *Journal) TakeLease(ctx context.Context) error {
	if j.opt.Leases == nil {
		return nil
	}
	begun := j.opt.Now()
	if err := j.opt.Leases.TakeLease(ctx, j.life(), LeaseTime); err != nil {
		return fmt.Errorf("take the lease of this node: %w", err)
	}
	var keeping sync.WaitGroup
	renewed := make(chan struct{}, 1)
	keeping.Go(func() { j.keepLease(renewed) })
	keeping.Go(func() { j.judge(renewed) })
	j.mu.Lock()
	defer j.mu.Unlock()
	j.leaseUntil, j.leaseSince, j.keeping = begun.Add(LeaseTime), begun, &keeping
	return nil
}

// Lost is closed when the lease was ended by another: the process must end,
// because what it was doing is being taken over.
func (j *Journal) Lost() <-chan struct{} { return j.lost }

func (j *Journal) life() Life { return Life{Node: j.opt.Node, Boot: j.opt.Boot} }

// keepLease renews the lease until the journal closes or the lease was ended by
// another, and says each time on renewed that it could.
func (j *Journal) keepLease(renewed chan struct{}) {
	defer close(renewed)
	pause := leaseRenewed
	for {
		select {
		case <-j.stop:
			return
		case <-time.After(pause):
		}
		switch err := j.renewLease(); {
		case err == nil:
			pause = leaseRenewed
			signal(renewed)
		case errors.Is(err, ErrLeaseEnded):
			j.opt.Log.Error("this node opens no calls any more", "error", err)
			close(j.lost)
			return
		default:
			pause = leaseRetried
			j.opt.Log.Warn("the lease of this node was not renewed", "error", err)
		}
	}
}

// renewLease counts from before the question was sent: whatever the way to the
// database took, it is later there.
func (j *Journal) renewLease() error {
	begun := j.opt.Now()
	ctx, cancel := context.WithTimeout(j.ctx, leaseTimeout)
	defer cancel()
	err := j.opt.Leases.RenewLease(ctx, j.life(), LeaseTime)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case sallyport.CodeOf(err) == sallyport.NotFound:
		j.leaseUntil = time.Time{}
		return ErrLeaseEnded
	case err != nil:
		return err
	}
	if begun.After(j.leaseUntil) {
		j.leaseSince = begun
	}
	j.leaseUntil = begun.Add(LeaseTime)
	return nil
}

// leased says whether new calls may begin, with mu held.
func (j *Journal) leased() bool {
	return j.opt.Leases == nil || j.opt.Now().Before(j.leaseUntil)
}

// judge looks after dead neighbours whenever the lease was renewed. It has a
// goroutine of its own, because closing calls may take longer than a lease lasts.
func (j *Journal) judge(renewed <-chan struct{}) {
	for range renewed {
		j.recoverEnded()
	}
}

// recoverEnded ends the leases that have run out and closes their calls. It
// judges nobody before it has itself held its lease for as long as one lasts:
// when the database was away, all others must have had the time to come back.
func (j *Journal) recoverEnded() {
	j.mu.Lock()
	since := j.leaseSince
	j.mu.Unlock()
	ctx, cancel := context.WithTimeout(j.ctx, commitTimeout)
	defer cancel()
	if j.opt.Now().Sub(since) >= LeaseTime {
		ended, err := j.opt.Leases.EndLeases(ctx)
		if err != nil {
			j.opt.Log.Warn("the leases of other nodes could not be looked at", "error", err)
			return
		}
		for _, l := range ended {
			j.opt.Log.Warn("a node is dead: its lease has run out", "node", l.Node, "boot", l.Boot)
		}
	}
	n, err := j.closeAll(ctx, func() ([]OpenCall, error) { return j.opt.Leases.EndedCalls(ctx, recoverAtOnce) })
	if n > 0 {
		j.opt.Log.Warn("closed calls of nodes that ended; each was charged its hold", "calls", n)
	}
	if err != nil {
		j.opt.Log.Warn("calls of nodes that ended could not be closed", "error", err)
	}
}

// endLease gives the lease back, so that nobody has to wait for its end. When
// it cannot be written, the lease runs out.
func (j *Journal) endLease(ctx context.Context) error {
	j.mu.Lock()
	keeping := j.keeping
	j.keeping = nil
	j.mu.Unlock()
	if keeping == nil {
		return nil
	}
	done := make(chan struct{})
	go func() { keeping.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	if err := j.opt.Leases.EndLease(ctx, j.life()); err != nil {
		j.opt.Log.Warn("the lease of this node was not given back; it runs out", "error", err)
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

const (
	// clockLook is how often the clock is looked at.
	clockLook = time.Second
	// clockPause is how long a jump that was told stands alone: a clock that is
	// set again and again must not fill every trail.
	clockPause = time.Minute
)

// watchClock tells in every trail when the clock of this machine was set, until
// ctx ends.
func (s *services) watchClock(ctx context.Context) {
	began := time.Now()
	clock := audit.Clock{Wall: time.Now, Mono: func() time.Duration { return time.Since(began) }}
	if err := s.instance.clockBehind(ctx, s.journal); err != nil && ctx.Err() == nil {
		s.log.Warn("the clock could not be compared with the trail", "error", err)
	}
	for wait := clockLook; pause(ctx, wait); {
		wait = clockLook
		by, jumped := clock.Jumped()
		if !jumped {
			continue
		}
		s.log.Warn("the clock of this machine was set", "by", by)
		if err := s.instance.tellJump(ctx, s.journal, audit.JumpTold{MS: by.Milliseconds()}); err != nil && ctx.Err() == nil {
			s.log.Error("not every trail is told that the clock was set", "error", err)
		}
		wait = clockPause
	}
}

// recorder makes a record durable; *journal.Journal does.
type recorder interface {
	Commit(ctx context.Context, e journal.Entry) (journal.Result, error)
}

// tellJump writes a jump into every trail.
func (i *instance) tellJump(ctx context.Context, to recorder, jump audit.JumpTold) error {
	orgs, err := i.trails(ctx, "")
	if err != nil {
		return err
	}
	for _, org := range orgs {
		rec := i.audit.Event(sallyport.Principal{Org: org}, audit.ClockJump, "node/"+i.audit.Node, jump)
		if _, err := to.Commit(ctx, journal.Entry{Org: org, Record: rec}); err != nil {
			return fmt.Errorf("tell the trail of %s: %w", org, err)
		}
	}
	return nil
}

// behindLook is among how many of the newest records one of this node is looked for.
const behindLook = 100

// clockBehind tells every trail when the clock is behind what this node has
// written before: somebody set it back while no process looked.
func (i *instance) clockBehind(ctx context.Context, to recorder) error {
	newest, err := i.db.FindRecords(ctx, sallyport.InstanceOrg, sallyport.RecordFilter{Limit: behindLook})
	if err != nil {
		return err
	}
	for _, r := range newest {
		var rec sallyport.Record
		if json.Unmarshal(r.Body, &rec) != nil || rec.Node != i.audit.Node || rec.Boot == i.audit.Boot {
			continue
		}
		if behind := rec.Time.Sub(i.app.now()); behind > audit.ClockJumpMin {
			return i.tellJump(ctx, to, audit.JumpTold{MS: -behind.Milliseconds(), Restart: true})
		}
		return nil
	}
	return nil
}

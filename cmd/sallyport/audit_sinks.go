package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/sink"
)

// followTrail signs and indexes the trails, delivers them to the sinks, and removes
// what is old, until ctx ends.
func (s *services) followTrail(ctx context.Context, cfg *config.Config) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { s.instance.checkpointer(s.log).Run(ctx) })
	all.Go(func() { (&audit.Indexer{Store: s.instance.db, Log: s.log}).Run(ctx) })
	all.Go(func() { s.instance.retention(s.log).Run(ctx) })
	all.Go(func() { s.instance.verifications(s.log).Run(ctx) })
	for _, c := range cfg.Sinks {
		all.Go(func() { s.deliver(ctx, c) })
	}
}

// sinkRetry is how long a sink that cannot be set up is left alone: its
// organisation may be made, or its file of certificates be put there.
const sinkRetry = time.Minute

func (s *services) deliver(ctx context.Context, c config.Sink) {
	for ctx.Err() == nil {
		f, err := s.follower(ctx, c)
		if err == nil {
			f.Run(ctx)
			return
		}
		s.log.Error("the sink cannot be set up", "sink", c.Name, "error", err)
		pause(ctx, sinkRetry)
	}
}

func (s *services) follower(ctx context.Context, c config.Sink) (*sink.Follower, error) {
	cfg, err := s.instance.sink(ctx, c)
	if err != nil {
		return nil, err
	}
	return sink.New(cfg, s.sinkOptions())
}

func (s *services) sinkOptions() sink.Options {
	i := s.instance
	return sink.Options{
		Store: i.db, Holder: i.audit.Boot, Version: programVersion(), Now: i.app.now, Log: s.log,
		Event: func(org sallyport.OrgID, action, resource string, change any) sallyport.Record {
			return i.audit.Event(sallyport.Principal{Org: org}, action, resource, change)
		},
	}
}

// sink is a sink of the file as package sink wants it.
func (i *instance) sink(ctx context.Context, c config.Sink) (sink.Config, error) {
	cfg := sinkConfig(c)
	if c.Org != "" {
		org, err := i.org(ctx, c.Org)
		if err != nil {
			return cfg, err
		}
		cfg.Org = org.ID
	}
	return cfg, nil
}

func sinkConfig(c config.Sink) sink.Config {
	return sink.Config{
		Name: c.Name, Type: c.Type, Format: c.Format, URL: c.URL, Path: c.Path, Secret: c.Secret, CA: c.CA,
	}
}

// checkSinks refuses to start with a sink that can never work.
func checkSinks(cfg *config.Config) error {
	for _, c := range cfg.Sinks {
		if err := sink.Check(sinkConfig(c)); err != nil {
			return fmt.Errorf("sinks.%s: %w", c.Name, err)
		}
	}
	return nil
}

type auditSinks struct {
	List   sinkList   `cmd:"" default:"withargs" help:"Show how far the sinks have got, and what is wrong with them."`
	Dead   sinkDead   `cmd:"" help:"List the records that a sink went on without, because its receiver refuses them."`
	Replay sinkReplay `cmd:"" help:"Send records to a sink once more, from a record or an instant on."`
}

type sinkList struct {
	jsonFlag
}

type sinkView struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	Waiting  int64      `json:"waiting"`        // records that it has not got
	Behind   int64      `json:"behind_seconds"` // since the oldest of them was written
	Since    *time.Time `json:"delivered_at"`
	Dead     int64      `json:"dead_letters"`
	Failures int        `json:"failures"`
	Error    string     `json:"error,omitempty"`
	Next     *time.Time `json:"next_attempt_at,omitempty"`
}

func (c *sinkList) Run(ctx context.Context, a *app) error {
	return a.with(ctx, func(i *instance) error {
		sinks, err := i.sinks(ctx, "")
		if err != nil {
			return err
		}
		now := a.now()
		views := make([]sinkView, 0, len(sinks))
		for _, s := range sinks {
			views = append(views, sinkView{
				Name: s.Name, Type: s.Type, Waiting: s.Lag.Records, Behind: int64(s.Lag.Behind(now).Seconds()),
				Since: timeOrNil(s.Lag.Delivered), Dead: s.Lag.Dead,
				Failures: s.Failures, Error: s.Error, Next: timeOrNil(s.Next),
			})
		}
		return list(a.out, c.jsonFlag, views, "NAME TYPE WAITING BEHIND DELIVERED DEAD FAILURES NEXT ERROR", func(v sinkView) []any {
			return []any{v.Name, v.Type, v.Waiting, time.Duration(v.Behind) * time.Second, at(v.Since), v.Dead, v.Failures, at(v.Next), v.Error}
		})
	})
}

func at(t *time.Time) string {
	if t == nil {
		return ""
	}
	return when(*t)
}

// sinks tells how far the sinks have got that an organisation's trail goes to;
// with org empty all sinks, in whatever they follow.
func (i *instance) sinks(ctx context.Context, org sallyport.OrgID) ([]sallyport.SinkStatus, error) {
	states, err := i.db.SinkStates(ctx)
	if err != nil {
		return nil, err
	}
	orgs, err := i.db.Orgs(ctx)
	if err != nil {
		return nil, err
	}
	var sinks []sallyport.SinkStatus
	for _, configured := range i.cfg.Sinks {
		cfg, err := i.sink(ctx, configured)
		switch {
		case org != "" && errors.Is(err, errNoOrg):
			continue // it waits for an organisation that is not this one
		case err != nil:
			return nil, fmt.Errorf("sink %s: %w", configured.Name, err)
		case org != "" && cfg.Org != "" && cfg.Org != org:
			continue
		}
		status := sallyport.SinkStatus{
			Name: cfg.Name, Type: cfg.Type, Format: cmp.Or(cfg.Format, sink.JSON),
			Own: cfg.Org != "" || len(orgs) == 1, // whose failures tell nothing of others
		}
		if err := i.sinkCursor(ctx, &status, org); err != nil {
			return nil, err
		}
		if status.Lag, err = i.db.SinkLag(ctx, cfg.Name, cmp.Or(org, cfg.Org)); err != nil {
			return nil, err
		}
		for _, s := range states {
			if s.Name == cfg.Name {
				status.Failures, status.Error, status.Next = s.Failures, s.Error, s.Next
			}
		}
		sinks = append(sinks, status)
	}
	return sinks, nil
}

// sinkCursor finds how far a sink has got in one trail.
func (i *instance) sinkCursor(ctx context.Context, s *sallyport.SinkStatus, org sallyport.OrgID) error {
	if org == "" {
		return nil
	}
	trails, err := i.db.SinkTrails(ctx, s.Name, org)
	for _, t := range trails {
		s.Cursor, s.Head = t.Done, t.Head
	}
	return err
}

// configured finds a sink of the configuration by its name.
func (i *instance) configured(ctx context.Context, name string) (sink.Config, error) {
	for _, c := range i.cfg.Sinks {
		if c.Name == name {
			return i.sink(ctx, c)
		}
	}
	return sink.Config{}, fmt.Errorf("there is no sink %q in the configuration: see 'sallyport audit sinks'", name)
}

type sinkDead struct {
	jsonFlag
	Name string `arg:"" help:"Of the sink."`
	Last int    `help:"At most so many." default:"1000"`
}

type deadLetterView struct {
	OrgID   sallyport.OrgID `json:"org_id"`
	Seq     int64           `json:"seq"`
	EventID string          `json:"event_id"`
	At      time.Time       `json:"at"`
	Error   string          `json:"error"`
}

func (c *sinkDead) Run(ctx context.Context, a *app) error {
	return a.with(ctx, func(i *instance) error {
		cfg, err := i.configured(ctx, c.Name)
		if err != nil {
			return err
		}
		letters, err := i.db.DeadLetters(ctx, cfg.Name, cfg.Org, c.Last)
		if err != nil {
			return err
		}
		views := make([]deadLetterView, 0, len(letters))
		for _, l := range letters {
			views = append(views, deadLetterView{l.Org, l.Seq, l.EventID, l.At, l.Error})
		}
		return list(a.out, c.jsonFlag, views, "ORG SEQ EVENT AT ERROR", func(v deadLetterView) []any {
			return []any{v.OrgID, v.Seq, v.EventID, when(v.At), v.Error}
		})
	})
}

type sinkReplay struct {
	Name string `arg:"" help:"Of the sink."`
	From string `help:"The first record that it gets again: a number, or an instant such as 2026-03-01T00:00:00Z." required:"" placeholder:"SEQ|TIME"`
	Org  string `help:"Whose trail, by id or name. Default: all that the sink follows." placeholder:"ORG"`
}

// Run moves the sink's cursors back. A server that delivers goes on from there.
func (c *sinkReplay) Run(ctx context.Context, a *app) error {
	return a.with(ctx, func(i *instance) error {
		cfg, err := i.configured(ctx, c.Name)
		if err != nil {
			return err
		}
		if c.Org != "" {
			org, err := i.org(ctx, c.Org)
			if err != nil {
				return err
			}
			cfg.Org = org.ID
		}
		trails, err := i.db.SinkTrails(ctx, cfg.Name, cfg.Org)
		if err != nil {
			return err
		}
		for _, t := range trails {
			if err := c.rewind(ctx, i, cfg.Name, t, len(trails) == 1); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *sinkReplay) rewind(ctx context.Context, i *instance, name string, t sallyport.Trail, only bool) error {
	first, err := c.first(ctx, i, t.Org, only)
	if err != nil {
		return err
	}
	stones, err := i.db.Tombstones(ctx, t.Org)
	if err != nil {
		return err
	}
	if n := len(stones); n > 0 { // what is removed cannot be sent
		first = max(first, stones[n-1].Last+1)
	}
	if first > t.Done {
		return nil
	}
	after := max(first-1, 0)
	rec := i.event(t.Org, "sink.replay", "sink/"+name, map[string]any{"from": first, "to": t.Done})
	if err := i.db.RewindSink(ctx, name, t.Org, after, rec); err != nil {
		return err
	}
	_, err = fmt.Fprintf(i.app.out, "%s: records %d to %d go to %s once more\n", t.Org, after+1, t.Done, name)
	return err
}

// first is the number of the first record that is meant. Numbers are of one trail.
func (c *sinkReplay) first(ctx context.Context, i *instance, org sallyport.OrgID, only bool) (int64, error) {
	if seq, err := strconv.ParseInt(c.From, 10, 64); err == nil {
		if !only {
			return 0, errors.New("the sink follows several trails, and each has numbers of its own: name one with --org, or give an instant")
		}
		return seq, nil
	}
	at, err := time.Parse(time.RFC3339, c.From)
	if err != nil {
		return 0, fmt.Errorf("--from: %q is neither a record's number nor an instant such as 2026-03-01T00:00:00Z", c.From)
	}
	return i.db.FirstRecordSince(ctx, org, at)
}

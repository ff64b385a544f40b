package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/sink"
)

// followTrail signs the trails and delivers them to the sinks, until ctx ends.
func (s *services) followTrail(ctx context.Context, cfg *config.Config) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { s.instance.checkpointer(s.log).Run(ctx) })
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
	i := s.instance
	cfg, err := i.sink(ctx, c)
	if err != nil {
		return nil, err
	}
	return sink.New(cfg, sink.Options{
		Store: i.db, Holder: i.audit.Boot, Version: programVersion(), Now: i.app.now, Log: s.log,
	})
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
	jsonFlag
}

type sinkView struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	Waiting  int64      `json:"waiting"` // records that it has not got
	Since    *time.Time `json:"delivered_at"`
	Failures int        `json:"failures"`
	Error    string     `json:"error,omitempty"`
	Next     *time.Time `json:"next_attempt_at,omitempty"`
}

func (c *auditSinks) Run(ctx context.Context, a *app) error {
	return a.with(ctx, func(i *instance) error {
		states, err := i.db.SinkStates(ctx)
		if err != nil {
			return err
		}
		var views []sinkView
		for _, configured := range i.cfg.Sinks {
			view, err := i.sinkView(ctx, configured, states)
			if err != nil {
				return fmt.Errorf("sink %s: %w", configured.Name, err)
			}
			views = append(views, view)
		}
		return list(a.out, c.jsonFlag, views, "NAME TYPE WAITING DELIVERED FAILURES NEXT ERROR", func(v sinkView) []any {
			at := func(t *time.Time) string {
				if t == nil {
					return ""
				}
				return when(*t)
			}
			return []any{v.Name, v.Type, v.Waiting, at(v.Since), v.Failures, at(v.Next), v.Error}
		})
	})
}

func (i *instance) sinkView(ctx context.Context, c config.Sink, states []sallyport.SinkState) (sinkView, error) {
	view := sinkView{Name: c.Name, Type: c.Type}
	cfg, err := i.sink(ctx, c)
	if err != nil {
		return view, err
	}
	trails, err := i.db.SinkTrails(ctx, c.Name, cfg.Org)
	if err != nil {
		return view, err
	}
	var last time.Time
	for _, t := range trails {
		view.Waiting += t.Head - t.Done
		if t.At.After(last) {
			last = t.At
		}
	}
	view.Since = timeOrNil(last)
	for _, s := range states {
		if s.Name == c.Name {
			view.Failures, view.Error, view.Next = s.Failures, s.Error, timeOrNil(s.Next)
		}
	}
	return view, nil
}

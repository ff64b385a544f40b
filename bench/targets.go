package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// target is where calls are sent.
type target struct {
	name string
	addr string
	key  string // the API key that callers show
	pid  int    // of the process whose cost is counted; 0: none

	database string  // of a gateway
	trail    *trail  // of a gateway
	idle     float64 // memory in MiB before the first call
}

// The targets.
const (
	direct = "direct"
	bare   = "bare"
	floor  = "floor"

	sqliteStrict    = "sallyport, SQLite strict"
	sqliteRelaxed   = "sallyport, SQLite relaxed"
	postgresStrict  = "sallyport, PostgreSQL strict"
	postgresRelaxed = "sallyport, PostgreSQL relaxed"
)

// kind is a gateway: all have everything on, and differ in where they write.
type kind struct{ name, database, durability string }

// The kinds of databases.
const (
	sqlite   = "SQLite"
	postgres = "PostgreSQL"
)

var kinds = []kind{
	{sqliteStrict, sqlite, "strict"},
	{sqliteRelaxed, sqlite, "relaxed"},
	{postgresStrict, postgres, "strict"},
	{postgresRelaxed, postgres, "relaxed"},
}

// kindOf finds the kind of a gateway by its name, which must be one of theirs.
func kindOf(name string) kind {
	return kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })]
}

// What scenarios measure, in the order of the report. Direct and floor are in all,
// to compare with.
var (
	allTargets    = []string{direct, floor, sqliteStrict, sqliteRelaxed, postgresStrict, postgresRelaxed}
	strictTargets = []string{direct, floor, sqliteStrict, postgresStrict}
	withBare      = []string{direct, bare, floor, sqliteStrict, postgresStrict}
)

// stage is everything that runs.
type stage struct {
	binary  string
	server  string // the PostgreSQL server; "": none
	folder  string // of databases and logs
	targets map[string]*target
	mockPID int
	commits []*committer
	stops   []func() error
}

// openStage starts the provider and the targets that are asked for. close ends
// them and removes what they wrote.
func openStage(ctx context.Context, o options, names []string) (*stage, error) {
	s := &stage{binary: o.binary, server: o.postgres, targets: make(map[string]*target)}
	if err := s.startAll(ctx, names); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) startAll(ctx context.Context, names []string) (err error) {
	// Beside the binary: on the disk that the repository is on, not in memory.
	if s.folder, err = os.MkdirTemp(filepath.Dir(s.binary), "bench-"); err != nil {
		return err
	}
	s.stops = append(s.stops, func() error { return os.RemoveAll(s.folder) })
	provider, err := s.self(ctx, direct, mockMode)
	if err != nil {
		return err
	}
	s.mockPID = provider.pid
	provider.pid = 0 // nothing lies between the caller and the provider
	for _, name := range names {
		switch name {
		case direct:
		case floor:
			_, err = s.self(ctx, name, floorMode, "http://"+provider.addr)
		case bare:
			_, err = s.self(ctx, name, bareMode, "http://"+provider.addr)
		default:
			_, err = s.gateway(ctx, kindOf(name), "")
		}
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
	}
	return s.openCommitters(ctx)
}

// close ends what was started, the last first.
func (s *stage) close() error {
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop())
	}
	s.stops = nil
	return errors.Join(errs...)
}

// self starts this program again, as something else.
func (s *stage) self(ctx context.Context, name string, args ...string) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	return s.start(ctx, &target{name: name}, cmd)
}

// start starts a target and waits until it has nothing to do.
func (s *stage) start(ctx context.Context, t *target, cmd *exec.Cmd) (*target, error) {
	addr, stop, err := startServer(cmd)
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, stop)
	t.addr, t.pid = addr, cmd.Process.Pid
	s.targets[t.name] = t
	if err := t.rest(ctx); err != nil {
		return nil, err
	}
	t.idle, err = memoryOf(t.pid, memoryNow)
	return t, err
}

// A target is at rest when it uses at most a tick in restTime, which is 4 % of a
// core: what it still does after its last answer should not be at the next one's cost.
const (
	restTime = 250 * time.Millisecond
	restMax  = 15 * time.Second
)

// rest waits until the target is at rest, for restMax at most.
func (t *target) rest(ctx context.Context) error {
	if t.pid == 0 {
		return nil
	}
	for begun := time.Now(); time.Since(begun) < restMax; {
		before, err := cpuOf(t.pid)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(restTime):
		}
		after, err := cpuOf(t.pid)
		if err != nil || after-before <= tick {
			return err
		}
	}
	return nil
}

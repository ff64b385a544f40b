// Package agent keeps stored automations and runs them.
//
// An agent is a definition: a system prompt, named inputs and steps in order.
// A run is one execution of it, with the definition and the inputs as they were
// when it began. An agent is a client of the gateway like any other: each step
// that asks a model is a call of the run's starter, so access, limits, credits,
// DLP and the trail bind it without a line of extra code here.
//
// What is true about a run stands in our own tables: the run, and one row for
// each finished step. What people wrote and models answered is sealed there.
// The engine (engine.go, a durable workflow library with a database of its own)
// knows ids only; its one task is that somebody goes on with a run after a
// crash. Whoever goes on reads the tables, skips the steps that are finished
// and does the next (work.go). The states of a run:
//
//	Start: row inserted, engine told
//	           |
//	      in_progress  <---- crash, stop, start of the server
//	      /    |     \
//	success  failure  cancelled      each of them final
//
// What a crash leaves, place by place:
//   - after the row, before the engine was told: the reconciler tells it (reconcile.go);
//   - during a step: the step runs again, with a new call. The gateway has closed
//     the first call at the price of its hold;
//   - after a step's row: the step is skipped, nothing is asked twice;
//   - after the last step: the run is finished from the rows;
//   - when the engine has given up on a run, the reconciler ends it as a failure.
//
// Stopping the server is not a failure: the run stays in progress.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/background"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Store keeps agents, runs and finished steps; store.DB is the real one. An
// unknown id, another organisation's included, is sallyport.NotFound. All
// methods are safe for concurrent use, by several processes too.
type Store interface {
	CreateAgent(ctx context.Context, agent sallyport.Agent, rec sallyport.Record) error
	Agent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID) (sallyport.Agent, error)
	// FindAgents lists the newest first, deleted ones left out.
	FindAgents(ctx context.Context, org sallyport.OrgID, f sallyport.AgentFilter) ([]sallyport.AgentSummary, error)
	// ShareAgent to what it is already is a no-op.
	ShareAgent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID, shared bool, rec sallyport.Record) error
	DeleteAgent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID, at time.Time, rec sallyport.Record) error

	CreateRun(ctx context.Context, run sallyport.Run, first *sallyport.FirstRequest, rec sallyport.Record) error
	Run(ctx context.Context, org sallyport.OrgID, id sallyport.RunID) (sallyport.Run, error)
	// FindRuns lists the newest first, without contents.
	FindRuns(ctx context.Context, org sallyport.OrgID, f sallyport.RunFilter) ([]sallyport.RunSummary, error)
	// OpenRuns lists runs in progress of all organisations, the oldest first.
	OpenRuns(ctx context.Context, limit int) ([]sallyport.Run, error)
	// EndedRuns are those of the runs that are no longer in progress.
	EndedRuns(ctx context.Context, runs []sallyport.Run) ([]sallyport.RunID, error)
	// BeginRunCall numbers a call of a run in progress, and ends those before it
	// that have no end; for any other run it is sallyport.Conflict. A repetition
	// returns the same number.
	BeginRunCall(ctx context.Context, org sallyport.OrgID, c sallyport.RunCall) (n int, err error)
	// EndRunCall keeps the first end that is told; charge and usage are always noted.
	EndRunCall(ctx context.Context, org sallyport.OrgID, c sallyport.RunCall) error
	RunCalls(ctx context.Context, org sallyport.OrgID, run sallyport.RunID) ([]sallyport.RunCall, error)
	// SaveRunStep keeps what the first writer of a step says, and ends its call; a
	// repetition is a no-op.
	SaveRunStep(ctx context.Context, org sallyport.OrgID, step sallyport.RunStep, charge sallyport.Credits, usage sallyport.Usage) error
	RunSteps(ctx context.Context, org sallyport.OrgID, run sallyport.RunID) ([]sallyport.RunStep, error)
	// FinishRun ends a run in progress; for any other it is sallyport.Conflict.
	FinishRun(ctx context.Context, org sallyport.OrgID, run sallyport.RunID, status sallyport.RunStatus,
		end []byte, at time.Time, rec sallyport.Record) error
}

// Gateway is the one road to a model; *gateway.Gateway is the real one.
type Gateway interface {
	Do(ctx context.Context, call *gateway.Call, out llm.Sink) error
}

// Principals tells who a key acts as now; *identity.Keys is the real one. A key
// that was revoked or has expired is sallyport.Unauthorized.
type Principals interface {
	Principal(ctx context.Context, org sallyport.OrgID, id sallyport.KeyID) (sallyport.Principal, error)
}

// Sealer seals what people wrote and models answered; *secret.Ring is the real one.
type Sealer interface {
	Seal(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, plaintext, associated []byte) ([]byte, error)
	Unseal(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, sealed, associated []byte) ([]byte, error)
}

// Options say where the engine keeps its own rows and how runs are told of.
type Options struct {
	// PostgresURL is the database in which the engine has a schema of its own.
	// When it is empty, the engine has the file runs.db in DataDir.
	PostgresURL string
	DataDir     string
	// Node names this server among all that share the database, also after a
	// restart. Default "local".
	Node string
	// Boot names this life of the node, and Ended lists the lives of all nodes
	// that have ended and never come back: their runs are gone on with. Both or
	// neither; without them a node goes on with its own runs only.
	Boot  string
	Ended func(ctx context.Context) ([]Life, error)
	// RunsMax is how many runs this process works on at once; more wait in the
	// engine's queue. Default 16.
	RunsMax int
	Now     func() time.Time
	Log     *slog.Logger

	// Event builds the record of a change. ctx is that of the call that makes
	// the change, or one that carries nothing when a run ends by itself.
	Event func(ctx context.Context, who sallyport.Principal, action, resource string, change any) sallyport.Record
	// Caller is a principal with what binds it, to decide on its rights.
	Caller func(ctx context.Context, p sallyport.Principal) (access.Caller, error)
	// Models says whether the organisation has that model: nil, or a *sallyport.Error.
	Models func(ctx context.Context, org sallyport.OrgID, id string) error
	// Member tells who a member is now, for runs that were begun without an API
	// key; one who was deactivated is sallyport.Unauthorized. Without it there are
	// no such runs.
	Member func(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (sallyport.Principal, error)
	// Usable says whether the principal may use the model now: nil, or a
	// *sallyport.Error that says why not. Without it runs begin whatever their steps ask.
	Usable func(ctx context.Context, p sallyport.Principal, model string) error
	// Present notes a step of who acts until leave, and ends its context, with a
	// *sallyport.Error as its cause, when they are gone; nil: their step goes on.
	Present func(ctx context.Context, p sallyport.Principal) (_ context.Context, leave func())
}

// runsMax is the default of Options.RunsMax.
const runsMax = 16

// Agents is the library of agents and their runs. It is safe for concurrent
// use. Agents can be imported and runs started without Serve; runs are worked
// on between Serve and Stop, by any process that serves.
type Agents struct {
	o          Options
	store      Store
	gateway    Gateway
	principals Principals
	sealer     Sealer

	// wait waits for d or until ctx ends, whose error it then returns.
	wait func(ctx context.Context, d time.Duration) error

	engine atomic.Pointer[engine] // nil: not serving
	ticker background.Task        // the reconciler's
	cancel background.Task        // looks for runs that others have ended
	live   live
}

// New returns the library. It opens nothing; Serve does.
func New(o Options, store Store, gw Gateway, principals Principals, sealer Sealer) (*Agents, error) {
	switch {
	case o.PostgresURL == "" && o.DataDir == "":
		return nil, errors.New("agents need a data folder or a Postgres database for the state of their runs")
	case (o.Boot == "") != (o.Ended == nil):
		return nil, errors.New("agents need to know which lives have ended when they have a life of their own")
	case o.Now == nil, o.Log == nil, o.Event == nil, o.Models == nil, o.Caller == nil:
		return nil, errors.New("agents need a clock, a log, a builder of records, rights and a catalogue of models")
	}
	if o.RunsMax <= 0 {
		o.RunsMax = runsMax
	}
	if o.Node == "" {
		o.Node = "local"
	}
	if o.Present == nil {
		o.Present = func(ctx context.Context, _ sallyport.Principal) (context.Context, func()) { return ctx, func() {} }
	}
	return &Agents{
		o: o, store: store, gateway: gw, principals: principals, sealer: sealer,
		wait: wait,
	}, nil
}

// Serve begins to work on runs: on those that a stop or a crash of this node
// interrupted, on those that were inserted meanwhile, and on new ones. It
// returns when the engine is ready; runs end with Stop, not with ctx.
func (a *Agents) Serve(ctx context.Context) error {
	e, err := openEngine(ctx, a.o, a.work)
	if err != nil {
		return err
	}
	if err := a.takeOver(ctx, e); err != nil {
		return errors.Join(err, e.stop(ctx))
	}
	if !a.engine.CompareAndSwap(nil, e) {
		return errors.Join(errors.New("agents are being served already"), e.stop(ctx))
	}
	a.ticker.Start(context.WithoutCancel(ctx), a.reconcileOften)
	a.cancel.Start(context.WithoutCancel(ctx), a.letGoOften)
	return nil
}

// Stop lets go of all runs and waits until they have noticed, as long as ctx
// allows. What was interrupted stays in progress: the next Serve goes on with
// it. Stopping twice is harmless.
func (a *Agents) Stop(ctx context.Context) error {
	a.ticker.Stop()
	a.cancel.Stop()
	e := a.engine.Swap(nil)
	if e == nil {
		return nil
	}
	return e.stop(ctx)
}

// newID returns a fresh id for an agent or a run.
func newID() string { return uuid.NewString() }

// wait is the clock's own way to wait.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

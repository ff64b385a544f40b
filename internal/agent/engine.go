package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite" // for runs.db

	"github.com/sallyport-ai/sallyport"
)

// engine is all that we ask of the workflow library, DBOS Transact: to begin
// a run, once for each id however often it is asked; to go on with it after a
// crash or a restart; to let go of it. Nothing else in this program imports it.
//
// What it stores is ids: of the organisation, the run and the calls. Results,
// errors and inputs of workflows stand in the clear in its database, so none of
// ours may hold a word that somebody wrote.
type engine struct {
	dbos  dbos.Context
	queue dbos.Queue
	work  worker
	log   *slog.Logger

	mu      sync.Mutex
	working map[runRef]context.CancelCauseFunc // steps that this process is in
}

// runRef is the input of a workflow.
type runRef struct {
	Org sallyport.OrgID `json:"org"`
	Run sallyport.RunID `json:"run"`
}

// worker goes on with a run. It may be called again for a run at any time, and
// it returns ctx's error when ctx has ended.
type worker func(ctx context.Context, ref runRef, step stepper) error

// stepper does a step and remembers how it ended: when the run is gone on with,
// the step is not done again. An error means that it is not known how it ended.
type stepper func(ctx context.Context, index int, do func(context.Context) (stepResult, error)) (stepResult, error)

// stepResult is how a step ended.
type stepResult struct {
	Call  sallyport.CallID `json:"call,omitempty"`  // that answered it
	Ended bool             `json:"ended,omitempty"` // the run ended with it; its row says how
}

const (
	// appVersion is constant: the library goes on with workflows of its own
	// version only, by default a hash of the program, and an upgrade of ours
	// must not strand a run. A change of the order of steps in a workflow that
	// runs under way could trip over needs dbos.Patch, not a new version.
	appVersion = "1"
	appName    = "sallyport"
	queueName  = "runs"
	schema     = "sallyport_runs"
	workflow   = "run"

	// recoveriesMax is how often a run may be interrupted before it is given
	// up: it may be the run that crashes the server.
	recoveriesMax = 100
	// pollInterval is how long a new run waits at most before it is taken from
	// the queue; the library's own default is a second. Each look costs a quarter
	// of a millisecond: at 20 ms an idle server was seen to use 5 % of a core, at
	// 50 ms the looks were a twentieth of the cost of 64 streams.
	pollInterval = 200 * time.Millisecond
	// stopTime bounds a stop whose context has no end.
	stopTime = 30 * time.Second
)

var (
	// errCancelled is why a step was interrupted when somebody cancelled its run.
	errCancelled = errors.New("the run was cancelled")
	// errBrokenOff stands in the engine's database for an error of ours.
	errBrokenOff = errors.New("the run broke off; the server's log says why")
)

// openEngine opens the engine's database, makes or migrates its tables, and
// begins to work, first on what an executor of the same name was working on.
func openEngine(ctx context.Context, o Options, work worker) (*engine, error) {
	address, err := engineURL(o)
	if err != nil {
		return nil, err
	}
	// The library takes an end of its context for a cancellation of all runs;
	// only stop may end it.
	d, err := dbos.NewContext(context.WithoutCancel(ctx), dbos.Config{
		AppName:            appName,
		DatabaseURL:        address,
		DatabaseSchema:     schema,
		ApplicationVersion: appVersion,
		ExecutorID:         Life{o.Node, o.Boot}.executor(),
		Logger:             slog.New(quiet{o.Log.Handler()}),
	})
	if err != nil {
		return nil, fmt.Errorf("open the state of agent runs: %w", err)
	}
	e := &engine{dbos: d, work: work, log: o.Log, working: make(map[runRef]context.CancelCauseFunc)}
	if err := e.launch(o); err != nil {
		return nil, errors.Join(err, d.Shutdown(d, stopTime))
	}
	return e, nil
}

func engineURL(o Options) (string, error) {
	if o.PostgresURL != "" {
		return o.PostgresURL, nil
	}
	path, err := filepath.Abs(filepath.Join(o.DataDir, "runs.db"))
	if err != nil {
		return "", err
	}
	// Only its owner may read it; the library would make it with wider rights.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	return (&url.URL{Scheme: "sqlite", Path: path}).String(), file.Close()
}

func (e *engine) launch(o Options) error {
	// The library reads variables of the environment over its configuration.
	if v := e.dbos.GetApplicationVersion(); v != appVersion || e.dbos.GetExecutorID() != (Life{o.Node, o.Boot}).executor() {
		return errors.New("unset the variables DBOS__APPVERSION and DBOS__VMID: with them, agent runs would not be resumed")
	}
	dbos.RegisterWorkflow(e.dbos, e.run, dbos.WithWorkflowName(workflow), dbos.WithMaxRecoveryAttempts(recoveriesMax))
	queue, err := dbos.RegisterQueue(e.dbos, queueName,
		dbos.WithWorkerConcurrency(o.RunsMax),
		dbos.WithQueueBasePollingInterval(pollInterval),
		dbos.WithQueueOnConflict(dbos.QueueConflictAlwaysUpdate))
	if err != nil {
		return fmt.Errorf("set up the queue of agent runs: %w", err)
	}
	e.queue = queue
	if err := e.dbos.Launch(); err != nil {
		return fmt.Errorf("resume agent runs: %w", err)
	}
	return nil
}

// start puts the run into the queue, unless the engine knows it already.
func (e *engine) start(ref runRef) error {
	_, err := dbos.RunWorkflow(e.dbos, e.run, ref, dbos.WithWorkflowID(string(ref.Run)), dbos.WithQueue(e.queue))
	return err
}

// run is the workflow. Its result is empty: the run's row has it.
func (e *engine) run(ctx dbos.Context, ref runRef) (string, error) {
	err := e.work(ctx, ref, func(_ context.Context, index int, do func(context.Context) (stepResult, error)) (stepResult, error) {
		return dbos.RunAsStep(ctx, func(ctx context.Context) (stepResult, error) {
			ctx, done := e.enter(ctx, ref)
			defer done()
			result, err := do(ctx)
			return result, e.wordless(ctx, ref, err)
		}, dbos.WithStepName("step-"+strconv.Itoa(index)))
	})
	return "", e.wordless(ctx, ref, err)
}

// wordless keeps the words of an error out of the engine's database: they go to
// our log. The library's own errors and the end of a context have none of ours.
func (e *engine) wordless(ctx context.Context, ref runRef, err error) error {
	var own *dbos.Error
	if err == nil || ctx.Err() != nil || errors.As(err, &own) || errors.Is(err, errBrokenOff) {
		return err
	}
	e.log.Error("an agent run broke off", "run", ref.Run, "error", err)
	return errBrokenOff
}

// enter notes that this process is in a step of the run, so that cancel can
// interrupt it.
func (e *engine) enter(ctx context.Context, ref runRef) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	e.mu.Lock()
	e.working[ref] = cancel
	e.mu.Unlock()
	return ctx, func() {
		e.mu.Lock()
		delete(e.working, ref)
		e.mu.Unlock()
		cancel(nil)
	}
}

// cancel lets go of a run for good. A step of it that this process is in is
// interrupted; another process looks for runs that were cancelled every now and
// then. A run that the engine does not know is no error.
func (e *engine) cancel(ref runRef) error {
	err := dbos.CancelWorkflow(e.dbos, string(ref.Run))
	e.interrupt(ref)
	if errors.Is(err, dbos.ErrNonExistentWorkflow) {
		return nil
	}
	return err
}

func (e *engine) interrupt(ref runRef) {
	e.mu.Lock()
	interrupt := e.working[ref]
	e.mu.Unlock()
	if interrupt != nil {
		interrupt(errCancelled)
	}
}

// inSteps are the runs that this process is in a step of.
func (e *engine) inSteps() []runRef {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.working))
}

// engineState is what the engine knows of a run.
type engineState int

const (
	unknown   engineState = iota // never told of, or forgotten
	underWay                     // queued or being worked on
	done                         // the worker returned without an error
	brokenOff                    // the worker returned an error, or was cancelled
	exhausted                    // interrupted more than recoveriesMax times
)

// states tells what the engine knows of each of the runs; those that are
// missing in the answer are unknown.
func (e *engine) states(runs []sallyport.RunID) (map[sallyport.RunID]engineState, error) {
	ids := make([]string, len(runs))
	for i, id := range runs {
		ids[i] = string(id)
	}
	list, err := dbos.ListWorkflows(e.dbos, dbos.WithFilterWorkflowIDs(ids...),
		dbos.WithFilterLoadInput(false), dbos.WithFilterLoadOutput(false))
	if err != nil {
		return nil, err
	}
	states := make(map[sallyport.RunID]engineState, len(list))
	for _, w := range list {
		states[sallyport.RunID(w.ID)] = stateOf(w.Status)
	}
	return states, nil
}

func stateOf(s dbos.WorkflowStatusType) engineState {
	switch s {
	case dbos.WorkflowStatusSuccess:
		return done
	case dbos.WorkflowStatusError, dbos.WorkflowStatusCancelled:
		return brokenOff
	case dbos.WorkflowStatusMaxRecoveryAttemptsExceeded:
		return exhausted
	}
	return underWay
}

// forget deletes up to limit workflows that ended before that time.
func (e *engine) forget(before time.Time, limit int) error {
	list, err := dbos.ListWorkflows(e.dbos,
		dbos.WithFilterStatus(dbos.WorkflowStatusSuccess, dbos.WorkflowStatusError,
			dbos.WorkflowStatusCancelled, dbos.WorkflowStatusMaxRecoveryAttemptsExceeded),
		dbos.WithFilterCompletedBefore(before), dbos.WithFilterLimit(limit),
		dbos.WithFilterLoadInput(false), dbos.WithFilterLoadOutput(false))
	if err != nil || len(list) == 0 {
		return err
	}
	ids := make([]string, len(list))
	for i, w := range list {
		ids[i] = w.ID
	}
	return dbos.DeleteWorkflows(e.dbos, ids)
}

// stop ends the context of every worker and waits for them, until ctx ends.
// Their runs stay where they are; the next start of this node goes on with them.
func (e *engine) stop(ctx context.Context) error {
	timeout := stopTime
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), time.Millisecond)
	}
	return e.dbos.Shutdown(e.dbos, timeout)
}

// quiet lets through what an operator must see: the library tells of each of
// its own steps otherwise.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

package agent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// lifeEnv makes the test binary a server that lives until it is killed.
const lifeEnv = "SALLYPORT_TEST_AGENT_LIFE"

func TestMain(m *testing.M) {
	if setup := os.Getenv(lifeEnv); setup != "" {
		if err := liveUntilKilled(setup); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// place is where a server of these tests keeps its things; it survives it.
type place struct {
	StoreURL  string
	MasterKey string
	Dir       string
	Postgres  string // of the engine; "" for its own file in Dir
	Owner     sallyport.Principal
	Life      agent.Life // of the server; without one it has the name node-1 alone

	ended func(context.Context) ([]agent.Life, error) // nil: no life has
}

// databases calls f with a place on each database.
func databases(t *testing.T, f func(t *testing.T, at place)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		f(t, furnished(t, place{StoreURL: storetest.SQLiteURL(t)}))
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		url := storetest.NewPostgres(t)
		f(t, furnished(t, place{StoreURL: url, Postgres: url}))
	})
}

// furnished makes an organisation with a member.
func furnished(t *testing.T, at place) place {
	t.Helper()
	at.Dir, at.MasterKey = t.TempDir(), secret.NewMasterKey()
	db := storetest.Open(t, at.StoreURL)
	org := storetest.NewOrg(t, db)
	at.Owner = sallyport.Principal{
		Org: org, User: storetest.NewMember(t, db, org), Role: sallyport.RoleAdministrator, Key: "key-1",
	}
	return at
}

// server is one life of a server: it opens everything that the place has.
type server struct {
	*agent.Agents
	db *watchedStore
}

func (at place) open(ctx context.Context, models answers) (server, error) {
	db, err := store.Open(ctx, store.Options{URL: at.StoreURL})
	if err != nil {
		return server{}, err
	}
	ring, err := secret.Open(ctx, secret.Text(at.MasterKey), db)
	if err != nil {
		return server{}, err
	}
	watched := &watchedStore{DB: db, finished: make(chan sallyport.RunID, 100)}
	if at.Life.Node == "" {
		at.Life.Node = "node-1"
	}
	if at.Life.Boot != "" && at.ended == nil {
		at.ended = func(context.Context) ([]agent.Life, error) { return nil, nil }
	}
	agents, err := agent.New(agent.Options{
		DataDir: at.Dir, PostgresURL: at.Postgres, Node: at.Life.Node, Boot: at.Life.Boot, Ended: at.ended,
		Now: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Event: func(_ context.Context, who sallyport.Principal, action, resource string, _ any) sallyport.Record {
			rec := storetest.Event(action)
			rec.Org, rec.Resource, rec.Actor.Key = who.Org, resource, who.Key
			return rec
		},
		Caller: func(_ context.Context, p sallyport.Principal) (access.Caller, error) {
			return access.Caller{Org: p.Org, User: p.User, Role: p.Role}, nil
		},
		Models: func(context.Context, sallyport.OrgID, string) error { return nil },
	}, watched, models, keys{at.Owner}, ring)
	return server{agents, watched}, err
}

// life opens a server that serves until the test, or stop, ends it.
func (at place) life(t *testing.T, models answers) (s server, stop func()) {
	t.Helper()
	s, err := at.open(t.Context(), models)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// watchedStore says which runs have finished.
type watchedStore struct {
	*store.DB
	finished chan sallyport.RunID
}

func (w *watchedStore) FinishRun(ctx context.Context, org sallyport.OrgID, run sallyport.RunID, status sallyport.RunStatus,
	end []byte, at time.Time, rec sallyport.Record) error {
	err := w.DB.FinishRun(ctx, org, run, status, end, at, rec)
	if err == nil {
		w.finished <- run
	}
	return err
}

// keys knows one key.
type keys struct{ owner sallyport.Principal }

func (k keys) Principal(_ context.Context, org sallyport.OrgID, id sallyport.KeyID) (sallyport.Principal, error) {
	if org != k.owner.Org || id != k.owner.Key {
		return sallyport.Principal{}, sallyport.NewError(sallyport.Unauthorized, "the key is not usable")
	}
	return k.owner, nil
}

// answers is a gateway that has an answer for the prompt of each step.
type answers func(ctx context.Context, step int, prompt string) (string, error)

func (f answers) Do(ctx context.Context, call *gateway.Call, out llm.Sink) error {
	messages := call.Request.Messages
	text, err := f(ctx, call.RunStep, messages[len(messages)-1].Parts[0].Text.Text())
	if err != nil {
		return err
	}
	doc, err := llm.Parse(llm.Quote(text))
	if err != nil {
		return err
	}
	return out(&llm.Event{Kind: llm.WholeEvent, Body: doc, Deltas: []llm.Delta{{Kind: llm.TextDelta, Text: doc.Root()}}})
}

func echo(_ context.Context, step int, prompt string) (string, error) {
	return fmt.Sprintf("%d:%s", step, prompt), nil
}

// threeSteps is a definition whose every step builds on the one before.
var threeSteps = sallyport.AgentDefinition{
	DisplayName: "Three", Model: "m", Inputs: []sallyport.AgentInput{{Name: "x"}},
	Steps: []sallyport.AgentStep{
		{LLMStep: &sallyport.LLMStep{Prompt: "{{x}}"}},
		{LLMStep: &sallyport.LLMStep{Prompt: "{{steps.1.output}}"}},
		{LLMStep: &sallyport.LLMStep{Prompt: "{{steps.2.output}}"}},
	},
}

const wantText = "2:1:0:hello"

// begin imports the definition and starts a run of it.
func (s server) begin(t *testing.T, at place) sallyport.RunID {
	t.Helper()
	made, err := s.Import(t.Context(), at.Owner, threeSteps)
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.Start(t.Context(), at.Owner, made.ID, map[string]string{"x": "hello"})
	if err != nil {
		t.Fatal(err)
	}
	return run.ID
}

// succeeded waits for the end of the run and checks its result.
func (s server) succeeded(t *testing.T, at place, id sallyport.RunID) {
	t.Helper()
	select {
	case got := <-s.db.finished:
		if got != id {
			t.Fatalf("the run %s finished, want %s", got, id)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the run %s has not finished", id)
	}
	run, err := s.Run(t.Context(), at.Owner.Org, id)
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Result(t.Context(), run)
	if err != nil || run.Status != sallyport.RunSuccess || !strings.Contains(result, `"text":"`+wantText+`"`) {
		t.Errorf("got %s with %s, %v, want %s with %q", run.Status, result, err, sallyport.RunSuccess, wantText)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, at place) {
		s, _ := at.life(t, echo)
		s.succeeded(t, at, s.begin(t, at))
	})
}

// A run may be started beside the server, as the command line does.
func TestRun_started_without_serving(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, at place) {
		beside, err := at.open(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		id := beside.begin(t, at)
		if err := beside.db.Close(); err != nil {
			t.Fatal(err)
		}
		s, _ := at.life(t, echo)
		s.succeeded(t, at, id)
	})
}

func TestRun_goes_on_after_a_stop(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, at place) {
		var asked [3]int
		inSecond := make(chan struct{})
		s, stop := at.life(t, func(ctx context.Context, step int, prompt string) (string, error) {
			asked[step]++
			if step == 1 {
				close(inSecond)
				<-ctx.Done()
				return "", sallyport.WrapError(sallyport.ClientClosed, "the client closed the connection", ctx.Err())
			}
			return echo(ctx, step, prompt)
		})
		id := s.begin(t, at)
		<-inSecond
		stop()

		again, _ := at.life(t, func(ctx context.Context, step int, prompt string) (string, error) {
			asked[step]++
			return echo(ctx, step, prompt)
		})
		again.succeeded(t, at, id)
		if want := [3]int{1, 2, 1}; asked != want {
			t.Errorf("the steps were asked %v times, want %v", asked, want)
		}
	})
}

func TestRun_cancelled(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, at place) {
		asked := make(chan int, 10)
		gone := make(chan struct{})
		s, _ := at.life(t, func(ctx context.Context, step int, _ string) (string, error) {
			asked <- step
			<-ctx.Done()
			close(gone)
			return "", sallyport.WrapError(sallyport.ClientClosed, "the client closed the connection", ctx.Err())
		})
		id := s.begin(t, at)
		<-asked
		if err := s.Cancel(t.Context(), at.Owner, id); err != nil {
			t.Fatal(err)
		}
		<-gone // the call was interrupted
		run, err := s.Run(t.Context(), at.Owner.Org, id)
		if err != nil || run.Status != sallyport.RunCancelled {
			t.Errorf("got %s, %v, want %s", run.Status, err, sallyport.RunCancelled)
		}
		if result, err := s.Result(t.Context(), run); result != "" || err != nil {
			t.Errorf("got the result %q, %v", result, err)
		}
	})
}

// The server is killed in the middle of the second step. The next one ends the
// run; the first step was asked once.
func TestRun_goes_on_after_kill(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, at place) {
		beside, err := at.open(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		id := beside.begin(t, at)
		if err := beside.db.Close(); err != nil {
			t.Fatal(err)
		}

		at.killIn(t, "step 1")

		s, _ := at.life(t, at.noted())
		s.succeeded(t, at, id)
		if got, want := at.asked(t), "step 0\nstep 1\nstep 1\nstep 2\n"; got != want {
			t.Errorf("asked\n%swant\n%s", got, want)
		}
	})
}

// noted answers and notes what it was asked in a file.
func (at place) noted() answers {
	return func(ctx context.Context, step int, prompt string) (string, error) {
		file, err := os.OpenFile(filepath.Join(at.Dir, "asked"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return "", err
		}
		defer file.Close()
		if _, err := fmt.Fprintf(file, "step %d\n", step); err != nil {
			return "", err
		}
		return echo(ctx, step, prompt)
	}
}

// killIn runs a server in a process of its own and kills it when it says line.
func (at place) killIn(t *testing.T, line string) {
	t.Helper()
	setup, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	life := exec.CommandContext(t.Context(), os.Args[0])
	life.Env = append(os.Environ(), lifeEnv+"="+string(setup))
	life.Stderr = os.Stderr
	if _, err := life.StdinPipe(); err != nil { // stays open as long as we live
		t.Fatal(err)
	}
	out, err := life.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := life.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for said.Scan() && said.Text() != line {
	}
	if said.Text() != line {
		t.Errorf("the server ended before it said %q", line)
	}
	if err := life.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = life.Wait() // its error is that it was killed
}

// liveUntilKilled serves, says on its output what it is asked, and never ends
// its second step.
func liveUntilKilled(setup string) error {
	var at place
	if err := json.Unmarshal([]byte(setup), &at); err != nil {
		return err
	}
	note := at.noted()
	s, err := at.open(context.Background(), func(ctx context.Context, step int, prompt string) (string, error) {
		text, err := note(ctx, step, prompt)
		fmt.Printf("step %d\n", step)
		if step == 1 {
			<-ctx.Done()
		}
		return text, err
	})
	if err != nil {
		return err
	}
	if err := s.Serve(context.Background()); err != nil {
		return err
	}
	_, err = io.ReadAll(os.Stdin) // ends with the process that should have killed us
	return err
}

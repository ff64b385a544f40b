package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// memory is a Store that keeps everything in maps, and fails when told to.
type memory struct {
	mu     sync.Mutex
	agents []sallyport.Agent
	runs   []sallyport.Run
	steps  []sallyport.RunStep
	calls  []sallyport.RunCall
	events []sallyport.Record
	// fail, when set, is asked before each method by its name.
	fail func(method string) error
}

var errNotThere = sallyport.NewError(sallyport.NotFound, "it is not there")

func (m *memory) lock(ctx context.Context, method string) (unlock func(), err error) {
	m.mu.Lock()
	if m.fail != nil {
		err = m.fail(method)
	}
	if err == nil {
		err = ctx.Err() // as a database would
	}
	if err != nil {
		m.mu.Unlock()
		return nil, err
	}
	return m.mu.Unlock, nil
}

func (m *memory) CreateAgent(ctx context.Context, agent sallyport.Agent, rec sallyport.Record) error {
	unlock, err := m.lock(ctx, "CreateAgent")
	if err != nil {
		return err
	}
	defer unlock()
	m.agents, m.events = append(m.agents, agent), append(m.events, rec)
	return nil
}

func (m *memory) Agent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID) (sallyport.Agent, error) {
	unlock, err := m.lock(ctx, "Agent")
	if err != nil {
		return sallyport.Agent{}, err
	}
	defer unlock()
	for _, a := range m.agents {
		if a.Org == org && a.ID == id {
			return a, nil
		}
	}
	return sallyport.Agent{}, errNotThere
}

func (m *memory) CreateRun(ctx context.Context, run sallyport.Run, first *sallyport.FirstRequest, rec sallyport.Record) error {
	unlock, err := m.lock(ctx, "CreateRun")
	if err != nil {
		return err
	}
	defer unlock()
	m.runs, m.events = append(m.runs, run), append(m.events, rec)
	return nil
}

func (m *memory) Run(ctx context.Context, org sallyport.OrgID, id sallyport.RunID) (sallyport.Run, error) {
	unlock, err := m.lock(ctx, "Run")
	if err != nil {
		return sallyport.Run{}, err
	}
	defer unlock()
	for _, r := range m.runs {
		if r.Org == org && r.ID == id {
			return r, nil
		}
	}
	return sallyport.Run{}, errNotThere
}

func (m *memory) OpenRuns(ctx context.Context, limit int) (list []sallyport.Run, err error) {
	unlock, err := m.lock(ctx, "OpenRuns")
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, r := range m.runs {
		if r.Status == sallyport.RunInProgress && len(list) < limit {
			list = append(list, r)
		}
	}
	return list, nil
}

func (m *memory) RunSteps(ctx context.Context, _ sallyport.OrgID, run sallyport.RunID) (list []sallyport.RunStep, err error) {
	unlock, err := m.lock(ctx, "RunSteps")
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, s := range m.steps {
		if s.Run == run {
			list = append(list, s)
		}
	}
	return list, nil
}

func (m *memory) FinishRun(ctx context.Context, org sallyport.OrgID, id sallyport.RunID, status sallyport.RunStatus,
	end []byte, at time.Time, rec sallyport.Record) error {
	unlock, err := m.lock(ctx, "FinishRun")
	if err != nil {
		return err
	}
	defer unlock()
	for i, r := range m.runs {
		if r.Org != org || r.ID != id {
			continue
		}
		if r.Status != sallyport.RunInProgress {
			return sallyport.NewError(sallyport.Conflict, "the run has ended")
		}
		m.runs[i].Status, m.runs[i].End, m.runs[i].EndedAt = status, end, at
		m.events = append(m.events, rec)
		return nil
	}
	return errNotThere
}

// models answers as providers would, and notes what it was asked.
type models struct {
	mu    sync.Mutex
	asked []asked
	// answer is called with the text of the request's last message.
	answer func(ctx context.Context, prompt string) (string, error)
}

// asked is one call that came.
type asked struct {
	gateway.Call
	System, Prompt string
}

func (m *models) Do(ctx context.Context, call *gateway.Call, out llm.Sink) error {
	seen := asked{Call: *call}
	for _, message := range call.Request.Messages {
		seen.Prompt = strings.Clone(message.Parts[0].Text.Text())
	}
	for _, part := range call.Request.System {
		seen.System += strings.Clone(part.Text.Text())
	}
	m.mu.Lock()
	m.asked = append(m.asked, seen)
	m.mu.Unlock()
	text, err := m.answer(ctx, seen.Prompt)
	if err != nil {
		return err
	}
	return answerWith(text, out)
}

// answerWith pushes text as a provider's whole answer, in bytes that are gone afterwards.
func answerWith(text string, out llm.Sink) error {
	body := append([]byte(`{"text":`), append(llm.Quote(text), '}')...)
	doc, err := llm.Parse(body)
	if err != nil {
		return err
	}
	err = out(&llm.Event{Kind: llm.WholeEvent, Dialect: llm.Chat, Body: doc, Deltas: []llm.Delta{
		{Kind: llm.ThinkingDelta, Text: doc.Root().Get("text")},
		{Choice: 1, Kind: llm.TextDelta, Text: doc.Root().Get("text")},
		{Kind: llm.TextDelta, Text: doc.Root().Get("text")},
	}})
	copy(body, bytes.Repeat([]byte("x"), len(body)))
	return err
}

func (m *models) calls() []asked {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

// principals knows the test's key, until it is revoked.
type principals struct {
	mu      sync.Mutex
	revoked bool
	failing int // that many questions fail with an error of the database
}

func (p *principals) Principal(_ context.Context, org sallyport.OrgID, id sallyport.KeyID) (sallyport.Principal, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failing > 0 {
		p.failing--
		return sallyport.Principal{}, errors.New("the database is away")
	}
	if p.revoked || id != owner.Key || org != owner.Org {
		return sallyport.Principal{}, sallyport.NewError(sallyport.Unauthorized, "the key is not usable")
	}
	return owner, nil
}

// sealer reverses the bytes and binds them to their place, so that tests see
// what is written in the clear and what is opened in the wrong place.
type sealer struct{}

func (sealer) Seal(_ context.Context, org sallyport.OrgID, purpose secret.Purpose, plain, associated []byte) ([]byte, error) {
	sealed := slices.Concat([]byte(org), []byte(purpose), associated, plain)
	slices.Reverse(sealed)
	return sealed, nil
}

func (sealer) Unseal(_ context.Context, org sallyport.OrgID, purpose secret.Purpose, sealed, associated []byte) ([]byte, error) {
	plain := slices.Clone(sealed)
	slices.Reverse(plain)
	plain, ok := bytes.CutPrefix(plain, slices.Concat([]byte(org), []byte(purpose), associated))
	if !ok {
		return nil, errors.New("it does not open")
	}
	return plain, nil
}

// failing is a sealer that asks before each use whether to fail.
type failing struct{ fail func() error }

func (f failing) Seal(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, plain, associated []byte) ([]byte, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return sealer{}.Seal(ctx, org, purpose, plain, associated)
}

func (f failing) Unseal(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, sealed, associated []byte) ([]byte, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return sealer{}.Unseal(ctx, org, purpose, sealed, associated)
}

var (
	owner = sallyport.Principal{Org: "org-1", User: "user-1", Role: sallyport.RoleAdministrator, Key: "key-1", KeyPrefix: "sp-abc"}
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

// fixture is a library over fakes, and what it did.
type fixture struct {
	*Agents
	store      *memory
	models     *models
	principals *principals

	mu    sync.Mutex
	waits []time.Duration
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{store: &memory{}, principals: &principals{}}
	f.models = &models{answer: func(_ context.Context, prompt string) (string, error) {
		return "answer to <" + prompt + ">", nil
	}}
	a, err := New(options(t.TempDir()), f.store, f.models, f.principals, sealer{})
	if err != nil {
		t.Fatal(err)
	}
	a.wait = func(ctx context.Context, d time.Duration) error {
		f.mu.Lock()
		f.waits = append(f.waits, d)
		f.mu.Unlock()
		return ctx.Err()
	}
	f.Agents = a
	return f
}

func options(dir string) Options {
	return Options{
		DataDir: dir,
		Now:     func() time.Time { return noon },
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		Event: func(_ context.Context, who sallyport.Principal, action, resource string, _ any) sallyport.Record {
			return sallyport.Record{
				Phase: sallyport.PhaseEvent, Org: who.Org, Action: action, Resource: resource,
				Actor: sallyport.Actor{User: who.User, Key: who.Key},
			}
		},
		Caller: func(_ context.Context, p sallyport.Principal) (access.Caller, error) {
			return access.Caller{Org: p.Org, User: p.User, Role: p.Role}, nil
		},
		Models: func(_ context.Context, _ sallyport.OrgID, id string) error {
			switch id {
			case "forbidden-model":
				return sallyport.NewError(sallyport.ModelAccessDenied, "it is switched off")
			case "broken-model":
				return errors.New("the database is away")
			}
			return nil
		},
	}
}

// twoSteps is a definition whose second step builds on the first.
func twoSteps() sallyport.AgentDefinition {
	return sallyport.AgentDefinition{
		DisplayName:  "Two steps",
		SystemPrompt: "Be brief, {{who}}.",
		Model:        "model-a",
		Inputs:       []sallyport.AgentInput{{Name: "who"}, {Name: "ALERT"}},
		Steps: []sallyport.AgentStep{
			{Name: "first", LLMStep: &sallyport.LLMStep{Prompt: "Look at {{ALERT}}", MaxTokens: 7}},
			{Name: "second", LLMStep: &sallyport.LLMStep{Prompt: "Sum up {{ steps.1.output }} for {{who}}", Model: "model-b"}},
		},
	}
}

// begun imports the definition and starts a run of it.
func (f *fixture) begun(t *testing.T, def sallyport.AgentDefinition, inputs map[string]string) sallyport.Run {
	t.Helper()
	agent, err := f.Import(t.Context(), owner, def)
	if err != nil {
		t.Fatal(err)
	}
	run, err := f.Start(t.Context(), owner, agent.ID, inputs)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func (f *fixture) run(t *testing.T, id sallyport.RunID) sallyport.Run {
	t.Helper()
	run, err := f.Run(t.Context(), owner.Org, id)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// directly does steps without an engine, which remembers nothing.
func directly(ctx context.Context, _ int, do func(context.Context) (stepResult, error)) (stepResult, error) {
	return do(ctx)
}

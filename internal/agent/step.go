package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

const (
	// AttemptsMax is how often a step asks its model when the reason of a
	// failure may pass.
	AttemptsMax = 3
	// The waits between attempts: the first, its growth, and the most that a
	// refusal's own wish is followed. Rate limits are full again after a minute.
	askWaitFirst  = time.Second
	askWaitGrowth = 4
	askWaitMax    = 90 * time.Second
	// StepTimeMax bounds one answer, however busy the provider keeps us.
	StepTimeMax = time.Hour
	// PromptRenderedMax and OutputMax bound what a step sends and keeps, in bytes.
	PromptRenderedMax = 8 << 20
	OutputMax         = 1 << 20
)

// errStepTime is why a step that took longer than StepTimeMax was cut off.
var errStepTime = errors.New("the step took too long")

// errNoKey is why nobody can act as a run that was begun without an API key.
var errNoKey = sallyport.NewError(sallyport.Unauthorized, "the run has no API key, whose rights would bind its steps")

// answer is what a model said in a step. Without a call there is none yet.
type answer struct {
	Call   sallyport.CallID
	Text   string
	charge sallyport.Credits // of the call, as usage; only in the step that made it
	usage  sallyport.Usage

	endedAt time.Time // of a finished step
}

// modelStep asks the model of step index, once, and keeps the answer. A failure
// has ended the run before it returns. It returns ctx's error when the server
// is being stopped: the step is then as it was.
func (a *Agents) modelStep(ctx context.Context, run sallyport.Run, begin runBegin, index int) (stepResult, error) {
	result, err := a.tryStep(ctx, run, begin, index)
	if err != nil {
		return stepResult{Ended: true}, a.unlessStopped(ctx, run, err)
	}
	return result, nil
}

func (a *Agents) tryStep(ctx context.Context, run sallyport.Run, begin runBegin, index int) (stepResult, error) {
	now, err := a.open(ctx, runRef{run.Org, run.ID})
	if err != nil {
		return stepResult{}, err
	}
	if now.Status != sallyport.RunInProgress {
		return stepResult{Ended: true}, nil // cancelled since the step before
	}
	answers, err := a.answers(ctx, run, len(begin.Definition.Steps))
	if err != nil {
		return stepResult{}, err
	}
	if saved := answers[index].Call; saved != "" {
		return stepResult{Call: saved}, nil // a crash came before the engine was told
	}
	body, err := request(begin, index, answers)
	if err != nil {
		return stepResult{}, err
	}
	got, err := a.insistHere(ctx, run, index, body)
	if err != nil {
		return stepResult{}, err
	}
	return stepResult{Call: got.Call}, a.save(ctx, run, index, got)
}

// request is the body of a step's call: the system prompt and the step's own,
// with inputs and earlier answers put in.
func request(begin runBegin, index int, answers []answer) ([]byte, error) {
	if err := whole(answers[:index]); err != nil {
		return nil, err
	}
	if promptsSize(begin, index, answers) > PromptRenderedMax {
		return nil, sallyport.NewError(sallyport.BodyTooLarge,
			fmt.Sprintf("the prompts of step %d are longer than %d bytes with all that they refer to", index+1, PromptRenderedMax))
	}
	system, prompt := prompts(begin, index, answers, PromptRenderedMax)
	var messages []chat.Message
	if system != "" {
		messages = append(messages, chat.Message{Role: llm.RoleSystem, Text: system})
	}
	messages = append(messages, chat.Message{Role: llm.RoleUser, Text: prompt})
	def := begin.Definition
	return chat.NewRequest(def.ModelOf(index), messages, def.Steps[index].LLMStep.MaxTokens), nil
}

// prompts are the system prompt and the prompt of a step, with inputs and earlier
// answers put in, of each at most max bytes; promptsSize is how long they are,
// before anything is made.
func prompts(begin runBegin, index int, answers []answer, max int) (system, prompt string) {
	system = render(begin.Definition.SystemPrompt, begin.Inputs, nil, max)
	if begin.Instructions != "" {
		system = cut(strings.TrimPrefix(system+"\n\n"+begin.Instructions, "\n\n"), max)
	}
	prompt = render(begin.Definition.Steps[index].LLMStep.Prompt, begin.Inputs, answers, max)
	if index == 0 && begin.Text != "" {
		prompt = cut(prompt+"\n\n"+begin.Text, max)
	}
	return system, prompt
}

func promptsSize(begin runBegin, index int, answers []answer) int {
	def := begin.Definition
	return renderedSize(def.SystemPrompt, begin.Inputs, nil) + renderedSize(def.Steps[index].LLMStep.Prompt, begin.Inputs, answers) + len(begin.Text) + len(begin.Instructions)
}

// whole says whether no answer is missing. One may be when the tables have lost
// a step that the engine remembers, as after a power failure that they were not
// set up to survive: nothing can be built on it.
func whole(answers []answer) error {
	for i, got := range answers {
		if got.Call == "" {
			return fmt.Errorf("the answer of step %d is lost", i+1)
		}
	}
	return nil
}

// insistHere is insist as long as who the run acts as is here: a step that waits
// for its next attempt ends with them too.
func (a *Agents) insistHere(ctx context.Context, run sallyport.Run, index int, body []byte) (answer, error) {
	who, err := a.actor(ctx, run)
	if err != nil {
		return answer{}, err
	}
	present, leave := a.o.Present(ctx, who)
	defer leave()
	got, err := a.insist(present, run, index, body)
	var gone *sallyport.Error
	if err != nil && ctx.Err() == nil && errors.As(context.Cause(present), &gone) {
		return got, gone
	}
	return got, err
}

// insist asks until there is an answer or no more hope for one.
func (a *Agents) insist(ctx context.Context, run sallyport.Run, index int, body []byte) (answer, error) {
	delay := askWaitFirst
	for attempt := 1; ; attempt++ {
		got, err := a.ask(ctx, run, index, body)
		if err == nil || ctx.Err() != nil || attempt == AttemptsMax || !mayPass(err) {
			return got, err
		}
		if err := a.wait(ctx, min(max(delay, retryAfter(err)), askWaitMax)); err != nil {
			return answer{}, err
		}
		delay *= askWaitGrowth
	}
}

// ask makes one call, as who the run acts as now: a key that was revoked during
// the run ends it, and so does a member who was deactivated. Readers of the run
// see the answer while it comes.
func (a *Agents) ask(ctx context.Context, run sallyport.Run, index int, body []byte) (answer, error) {
	principal, err := a.actor(ctx, run)
	if err != nil {
		return answer{}, err
	}
	request, err := chat.Decode(body)
	if err != nil {
		return answer{}, err
	}
	call := &gateway.Call{Request: request}
	call.ID = gateway.NewCallID()
	call.Principal = principal
	call.Action = "agents.step"
	call.RequestID = string(call.ID)
	call.Run, call.RunStep, call.Agent = run.ID, index, run.Agent
	call.Requested, call.Stream = request.Model, request.Stream
	call.BytesIn = int64(len(body))
	call.StartedAt = a.o.Now()

	live, err := a.beginCall(ctx, run, index, call)
	if err != nil {
		return answer{}, err
	}
	defer live.done()
	limited, cancel := context.WithTimeoutCause(ctx, StepTimeMax, errStepTime)
	defer cancel()
	text := collector{live: live}
	err = a.gateway.Do(limited, call, text.push)
	switch {
	case err == nil && text.tooLong:
		err = sallyport.NewError(sallyport.UpstreamInvalid, fmt.Sprintf("the answer is longer than %d bytes", OutputMax))
	case err != nil && ctx.Err() == nil && context.Cause(limited) == errStepTime:
		err = sallyport.WrapError(sallyport.UpstreamTimeout, fmt.Sprintf("the step took longer than %s", StepTimeMax), errStepTime)
	}
	if err != nil {
		a.endCall(ctx, run, call, err)
	}
	return answer{Call: call.ID, Text: text.String(), charge: call.Charge, usage: call.Usage}, err
}

// actor is who the run acts as now.
func (a *Agents) actor(ctx context.Context, run sallyport.Run) (p sallyport.Principal, err error) {
	err = a.patiently(ctx, func(ctx context.Context) (err error) {
		switch {
		case run.Key != "":
			p, err = a.principals.Principal(ctx, run.Org, run.Key)
		case a.o.Member != nil:
			p, err = a.o.Member(ctx, run.Org, run.User)
		default:
			err = errNoKey
		}
		return err
	})
	return p, err
}

// beginCall notes the call before it is made, so that who looks at the run, from
// whatever node, sees the step under way.
func (a *Agents) beginCall(ctx context.Context, run sallyport.Run, index int, call *gateway.Call) (live *liveCall, err error) {
	var n int
	err = a.patiently(ctx, func(ctx context.Context) (err error) {
		n, err = a.store.BeginRunCall(ctx, run.Org, sallyport.RunCall{
			Run: run.ID, Step: index, Call: call.ID, BegunAt: call.StartedAt,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.live.begin(run.ID, n), nil
}

// endCall notes how a call failed, and what it cost all the same. It is told for
// people: when it cannot be written, the next call or the end of the run says
// that this one is over, and the trail has the rest.
func (a *Agents) endCall(ctx context.Context, run sallyport.Run, call *gateway.Call, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	err := a.store.EndRunCall(ctx, run.Org, sallyport.RunCall{
		Run: run.ID, Call: call.ID, EndedAt: a.o.Now(), Code: sallyport.CodeOf(cause), Charge: call.Charge, Usage: call.Usage,
	})
	if err != nil {
		a.o.Log.Warn("how a call of an agent run ended is in the trail alone", "run", run.ID, "call", call.ID, "error", err)
	}
	a.live.moved(run.ID)
}

// collector keeps the text of an answer, and shows it to readers of the run.
type collector struct {
	strings.Builder
	live    *liveCall
	tooLong bool
}

func (c *collector) push(e *llm.Event) error {
	for _, d := range e.Deltas {
		if d.Choice != 0 || d.Kind != llm.TextDelta && d.Kind != llm.RefusalDelta {
			continue
		}
		text := d.Text.Text() // a view of the event: the builder copies it
		if c.Len()+len(text) > OutputMax {
			c.tooLong = true // not an error here: the call itself is in order
			return nil
		}
		c.WriteString(text)
		c.live.add(text)
	}
	return nil
}

// save keeps the answer, also when the server is being stopped: it was paid for.
func (a *Agents) save(ctx context.Context, run sallyport.Run, index int, got answer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	defer a.live.moved(run.ID)
	return a.patiently(ctx, func(ctx context.Context) error {
		sealed, err := a.seal(ctx, run, stepPart(index), got.Text)
		if err != nil {
			return err
		}
		return a.store.SaveRunStep(ctx, run.Org, sallyport.RunStep{
			Run: run.ID, Index: index, Call: got.Call, Output: sealed, EndedAt: a.o.Now(),
		}, got.charge, got.usage)
	})
}

// mayPass says whether the same call may succeed a little later.
func mayPass(err error) bool {
	switch sallyport.CodeOf(err) {
	case sallyport.RateLimited, sallyport.UpstreamUnreachable, sallyport.AuditUnavailable, sallyport.LimitsUnavailable:
		return true
	case sallyport.UpstreamTimeout:
		return !errors.Is(err, errStepTime)
	case sallyport.UpstreamError, sallyport.UpstreamEmptyBody:
		return busy(llm.FailureStatus(err))
	}
	return false
}

// busy says whether a provider's status means that it is overloaded or being restarted.
func busy(status int) bool {
	switch status {
	case 429, 500, 502, 503, 504, 529:
		return true
	}
	return false
}

// retryAfter is the wait that a refusal asks for; 0: none.
func retryAfter(err error) time.Duration {
	var known *sallyport.Error
	if errors.As(err, &known) && known.RetryAfter > 0 {
		return known.RetryAfter
	}
	var refused *llm.UpstreamError
	if errors.As(err, &refused) {
		wait, _ := refused.Wait(askWaitMax)
		return wait
	}
	return 0
}

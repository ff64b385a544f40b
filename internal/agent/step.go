package agent

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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

// answer is what a model said in a step. Without a call there is none yet.
type answer struct {
	Call sallyport.CallID
	Text string
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
	got, err := a.insist(ctx, run, index, body)
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
	def, step := begin.Definition, begin.Definition.Steps[index].LLMStep
	size := renderedSize(def.SystemPrompt, begin.Inputs, nil) + renderedSize(step.Prompt, begin.Inputs, answers) + len(begin.Text)
	if size > PromptRenderedMax {
		return nil, sallyport.NewError(sallyport.BodyTooLarge,
			fmt.Sprintf("the prompts of step %d are longer than %d bytes with all that they refer to", index+1, PromptRenderedMax))
	}
	var messages []chat.Message
	if system := render(def.SystemPrompt, begin.Inputs, nil); system != "" {
		messages = append(messages, chat.Message{Role: llm.RoleSystem, Text: system})
	}
	prompt := render(step.Prompt, begin.Inputs, answers)
	if index == 0 && begin.Text != "" {
		prompt += "\n\n" + begin.Text
	}
	messages = append(messages, chat.Message{Role: llm.RoleUser, Text: prompt})
	return chat.NewRequest(modelOf(def, index), messages, step.MaxTokens), nil
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

// ask makes one call. Its key is looked up each time: one that was revoked
// during the run ends it.
func (a *Agents) ask(ctx context.Context, run sallyport.Run, index int, body []byte) (answer, error) {
	var principal sallyport.Principal
	err := a.patiently(ctx, func(ctx context.Context) (err error) {
		principal, err = a.principals.Principal(ctx, run.Org, run.Key)
		return err
	})
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
	call.Requested = request.Model
	call.BytesIn = int64(len(body))
	call.StartedAt = a.o.Now()

	limited, cancel := context.WithTimeoutCause(ctx, StepTimeMax, errStepTime)
	defer cancel()
	var text collector
	err = a.gateway.Do(limited, call, text.push)
	switch {
	case err == nil && text.tooLong:
		err = sallyport.NewError(sallyport.UpstreamInvalid, fmt.Sprintf("the answer is longer than %d bytes", OutputMax))
	case err != nil && ctx.Err() == nil && context.Cause(limited) == errStepTime:
		err = sallyport.WrapError(sallyport.UpstreamTimeout, fmt.Sprintf("the step took longer than %s", StepTimeMax), errStepTime)
	}
	return answer{call.ID, text.String()}, err
}

// collector keeps the text of an answer.
type collector struct {
	strings.Builder
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
	}
	return nil
}

// save keeps the answer, also when the server is being stopped: it was paid for.
func (a *Agents) save(ctx context.Context, run sallyport.Run, index int, got answer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	return a.patiently(ctx, func(ctx context.Context) error {
		sealed, err := a.seal(ctx, run, stepPart(index), got.Text)
		if err != nil {
			return err
		}
		return a.store.SaveRunStep(ctx, run.Org, sallyport.RunStep{
			Run: run.ID, Index: index, Call: got.Call, Output: sealed, EndedAt: a.o.Now(),
		})
	})
}

// mayPass says whether the same call may succeed a little later.
func mayPass(err error) bool {
	switch sallyport.CodeOf(err) {
	case sallyport.RateLimited, sallyport.UpstreamUnreachable, sallyport.AuditUnavailable, sallyport.LimitsUnavailable:
		return true
	case sallyport.UpstreamTimeout:
		return !errors.Is(err, errStepTime)
	case sallyport.UpstreamError:
		var refused *llm.UpstreamError
		return errors.As(err, &refused) && busy(refused.Status)
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
		if seconds, err := strconv.Atoi(refused.RetryAfter); err == nil && seconds > 0 && seconds < 3600 {
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}

package completions

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The objects of an answer, their fields in the order in which OpenAI writes them.
type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

type choice struct {
	Text         string    `json:"text"`
	Index        int       `json:"index"`
	Logprobs     *struct{} `json:"logprobs"` // always null
	FinishReason *string   `json:"finish_reason"`
}

type usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
}

// Encoder writes one answer for a client of this dialect. It is not safe for
// concurrent use.
type Encoder struct {
	req     *llm.Request
	id      string
	created time.Time
	usage   *usage
	frames  []byte
}

// NewEncoder returns an Encoder for the answer to req, which began at created.
func NewEncoder(req *llm.Request, created time.Time) *Encoder {
	return &Encoder{req: req, id: "cmpl-" + uuid.NewString(), created: created}
}

// Event returns the frames of e, valid until the next call.
func (n *Encoder) Event(e *llm.Event) ([]byte, error) {
	n.frames = n.frames[:0]
	n.note(e)
	for _, d := range e.Deltas {
		if text := d.Text.Text(); text != "" && said(d) {
			n.chunk([]choice{{Text: text, Index: d.Choice}}, nil)
		}
	}
	for _, f := range e.Finishes {
		n.chunk([]choice{{Index: f.Choice, FinishReason: reason(f)}}, nil)
	}
	if e.Kind == llm.DoneEvent {
		if n.usage != nil && n.req.UsageAsked {
			n.chunk([]choice{}, n.usage)
		}
		n.frames = append(n.frames, wire.Done...)
	}
	return n.frames, nil
}

// said tells what belongs to the text: not how the model thought.
func said(d llm.Delta) bool { return d.Kind == llm.TextDelta || d.Kind == llm.RefusalDelta }

func (n *Encoder) note(e *llm.Event) {
	if u := e.Usage; u != nil {
		prompt := u.Input + u.CachedInput + u.CacheWrite
		n.usage = &usage{prompt, u.Output, prompt + u.Output}
	}
}

// reason is why a choice ended, in the words of this API, which knows no tools.
func reason(f llm.Finish) *string {
	word := string(f.Reason)
	if f.Reason == llm.StopTools {
		word = string(llm.StopEnd)
	}
	return &word
}

func (n *Encoder) chunk(choices []choice, u *usage) {
	n.frames = wire.AppendEvent(n.frames, "", n.object(choices, u))
}

func (n *Encoder) object(choices []choice, u *usage) []byte {
	return wire.Marshal(completion{n.id, "text_completion", n.created.Unix(), n.req.Model, choices, u})
}

// Whole returns a plain answer.
func (n *Encoder) Whole(e *llm.Event) ([]byte, error) {
	n.note(e)
	choices := make([]choice, 0, len(e.Finishes))
	for _, f := range e.Finishes {
		var text strings.Builder
		for _, d := range e.Deltas {
			if d.Choice == f.Choice && said(d) {
				text.WriteString(d.Text.Text())
			}
		}
		choices = append(choices, choice{Text: text.String(), Index: f.Choice, FinishReason: reason(f)})
	}
	return n.object(choices, n.usage), nil
}

// Failure returns the frames that end a stream which has begun, as in chat.
func (n *Encoder) Failure(e sallyport.Error) []byte {
	n.frames = wire.AppendFailure(n.frames[:0], e)
	return n.frames
}

package responses

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Task is what a request says to an agent.
type Task struct {
	Text         string
	Instructions string // to follow the agent's own; "": none
	Metadata     llm.Value
}

// ReadTask reads what req says to an agent. A field that would change how the
// agent works is UnsupportedField; an input that is more than the user's text is
// AgentInputs: an agent is no conversation.
func ReadTask(req *llm.Request) (Task, error) {
	root := req.Body.Root()
	if _, v := taskFields.Stranger(root); v.Exists() {
		return Task{}, wire.Unsupported(v, "an agent decides this itself.")
	}
	t := Task{Metadata: root.Get("metadata")}
	var said, instructions []string
	for _, p := range req.System {
		instructions = append(instructions, p.Text.Text())
	}
	for _, m := range req.Messages {
		for _, p := range m.Parts {
			switch {
			case p.Kind != llm.TextPart, m.Role != llm.RoleUser && m.Role != llm.RoleSystem:
				return Task{}, sallyport.NewError(sallyport.AgentInputs, "input: an agent takes the user's text alone.")
			case m.Role == llm.RoleSystem:
				instructions = append(instructions, p.Text.Text())
			default:
				said = append(said, p.Text.Text())
			}
		}
	}
	t.Text, t.Instructions = strings.Join(said, "\n\n"), strings.Join(instructions, "\n\n")
	return t, nil
}

// taskFields are those that an agent takes, and hints; see wire.Fields.
var taskFields = wire.Fields{
	"model": nil, "input": nil, "instructions": nil, "metadata": nil, "stream": nil,
	// A run is always kept, and goes on whether or not anybody waits.
	"store": nil, "background": nil,
	"client_metadata": nil, "litellm_metadata": nil, "proxy_server_request": nil, "kindo": nil,
	"stream_options": nil, "service_tier": nil, "safety_identifier": nil, "user": nil,
	"prompt_cache_key": nil, "prompt_cache_retention": nil, "prompt_cache_options": nil,
	"max_tool_calls": nil, "parallel_tool_calls": nil, // of tools, of which there are none

	"tools":        func(v llm.Value) bool { return v.Kind() == llm.Array && v.Len() == 0 },
	"tool_choice":  func(v llm.Value) bool { return v.Text() == "auto" },
	"top_logprobs": func(v llm.Value) bool { n, ok := v.Int(); return ok && n == 0 },
	"include":      withoutLogprobs,
	"truncation":   func(v llm.Value) bool { return v.Text() == "disabled" },
	"text": func(v llm.Value) bool {
		format := v.Get("format")
		return textFields.Only(v) == nil && (format.IsNull() || format.Get("type").Text() == "text")
	},
	"reasoning": func(v llm.Value) bool { return v.Kind() == llm.Object && wire.Fields{}.Only(v) == nil },
}

// AgentAnswer tells an agent's answer as that of a model: as events while it
// comes, or as the response that it is by now. It is not safe for concurrent use.
type AgentAnswer struct {
	enc  *Encoder
	item *builtItem // the message that is said; nil: none yet
}

// Asked is what an agent was asked with, as its answer tells it.
type Asked struct {
	ID           string // of the response
	Model        string // the agent as a model
	Text         string
	Instructions string
	Metadata     json.RawMessage // nil: none
	At           time.Time
}

// Body is what was asked as the body of a request.
func (a Asked) Body() ([]byte, error) {
	return json.Marshal(struct {
		Model        string          `json:"model"`
		Input        string          `json:"input"`
		Instructions string          `json:"instructions,omitempty"`
		Metadata     json.RawMessage `json:"metadata,omitempty"`
	}{a.Model, a.Text, a.Instructions, a.Metadata})
}

// NewAgentAnswer returns the answer before anything is said.
func NewAgentAnswer(a Asked) (*AgentAnswer, error) {
	body, err := a.Body()
	if err != nil {
		return nil, err
	}
	req, err := Decode(body)
	if err != nil {
		return nil, err
	}
	enc := NewEncoder(req, a.At)
	enc.Store(Stored{ID: a.ID, Background: true})
	return &AgentAnswer{enc: enc}, nil
}

// Begin returns the events that open the stream. Like those of the other methods
// they are valid until the next call.
func (a *AgentAnswer) Begin() []byte {
	a.enc.frames = a.enc.frames[:0]
	a.enc.open()
	return a.enc.frames
}

// Say adds a piece to the message of that id. A message that another follows is
// void: it ends as it is, and is not part of what the answer says.
func (a *AgentAnswer) Say(message, text string) []byte {
	n := a.enc
	n.frames = n.frames[:0]
	if a.item == nil || a.item.id != message {
		if a.item != nil {
			a.item.short, a.item.void = true, true
			n.endItem(a.item)
		}
		a.item = n.begin(&builtItem{kind: llm.TextDelta, id: message})
	}
	n.piece(a.item, n.partOf(a.item, itemKey{llm.TextDelta, a.item.index}), text)
	return n.frames
}

// End returns the events that end the stream. This dialect has no event for what
// was cancelled: it is told with that of what failed, and the response says it.
func (a *AgentAnswer) End(s State) []byte {
	n := a.enc
	n.frames = n.frames[:0]
	name := "response.failed"
	if s.Status == "completed" {
		name = "response.completed"
	} else if a.item != nil {
		a.item.short = true
	}
	n.endItems()
	if s.Failure != nil {
		n.sendError(*s.Failure)
	}
	n.send(name, responseEvent{Type: name, Sequence: n.next(), Response: a.response(s)})
	return n.frames
}

// Broken returns the event that ends a stream whose response goes on.
func (a *AgentAnswer) Broken(e sallyport.Error) []byte {
	a.enc.frames = a.enc.frames[:0]
	a.enc.sendError(e)
	return a.enc.frames
}

// Response returns the JSON of the response as it stands.
func (a *AgentAnswer) Response(s State) []byte {
	if s.Status != "in_progress" {
		a.enc.endItems()
	}
	return wire.Marshal(a.response(s))
}

func (a *AgentAnswer) response(s State) *response {
	r := a.enc.response(s.Status)
	a.enc.fill(r)
	if s.Usage != nil {
		r.Usage = newUsage(*s.Usage)
	}
	if s.Failure != nil {
		r.Error = newError(*s.Failure)
	}
	return r
}

// Package responsestest reads streams of the responses dialect as a strict client
// does: it knows which event may follow which, and that what is told whole at the
// end is what was told in pieces.
package responsestest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Stream is what a stream has told.
type Stream struct {
	Events   []string // their names, in order
	Text     string
	Thinking string
	Refusal  string
	Calls    []Call
	Response Response // as the last event has it
	Error    string   // code of the error event, "" without one
}

// Call is a call of a tool.
type Call struct{ ID, Name, Arguments string }

// Response is what tests read of the object.
type Response struct {
	ID         string
	Object     string
	Status     string
	Model      string
	Store      bool
	OutputText *string `json:"output_text"`
	Output     []Item
	Incomplete *struct{ Reason string } `json:"incomplete_details"`
	Error      *struct{ Code, Message, Reason string }
	Usage      *struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
		Total  int64 `json:"total_tokens"`
		Cached struct {
			Tokens int64 `json:"cached_tokens"`
		} `json:"input_tokens_details"`
	}
	Previous     string `json:"previous_response_id"`
	Conversation *struct{ ID string }
}

// Item is an item of an output.
type Item struct {
	ID, Type, Status, Role, Name, Arguments, Input string
	CallID                                         string `json:"call_id"`
	Encrypted                                      string `json:"encrypted_content"`
	Content, Summary                               []Part
}

// Part is a part of an item.
type Part struct{ Type, Text, Refusal string }

func (p Part) said() string { return p.Text + p.Refusal }

// event is any event of the dialect.
type event struct {
	Type         string
	Sequence     *int64 `json:"sequence_number"`
	Response     *Response
	OutputIndex  *int   `json:"output_index"`
	ContentIndex *int   `json:"content_index"`
	SummaryIndex *int   `json:"summary_index"`
	ItemID       string `json:"item_id"`
	Item         *Item
	Part         *Part
	Delta        *string
	Text         *string
	Refusal      *string
	Arguments    *string
	Input        *string
	Code         string
	Message      string
	Param        json.RawMessage // null is told too
}

// reader is the state of a stream.
type reader struct {
	Stream
	sequence int64
	items    []*openItem
	ended    bool
}

type openItem struct {
	Item
	parts []*openPart
	args  string
	done  bool
}

type openPart struct {
	text       string
	told, done bool
}

// Read reads a whole stream. An error names the event that may not stand where it
// stands.
func Read(stream string) (Stream, error) {
	r := reader{sequence: -1}
	frames := strings.Split(strings.TrimSuffix(stream, "\n\n"), "\n\n")
	for i, frame := range frames {
		name, data, ok := strings.Cut(frame, "\n")
		name, named := strings.CutPrefix(name, "event: ")
		var e event
		if !ok || !named || json.Unmarshal([]byte(strings.ReplaceAll(strings.TrimPrefix(data, "data: "), "\ndata: ", "\n")), &e) != nil {
			return r.Stream, fmt.Errorf("event %d is not of this dialect: %q", i, frame)
		}
		if e.Type != name {
			return r.Stream, fmt.Errorf("event %d is named %s and of type %s", i, name, e.Type)
		}
		if err := r.take(e); err != nil {
			return r.Stream, fmt.Errorf("event %d, %s: %w in %q", i, name, err, frame)
		}
		r.Events = append(r.Events, name)
	}
	if !r.ended {
		return r.Stream, fmt.Errorf("the stream has no end; its last events are %q", r.Events[max(0, len(r.Events)-3):])
	}
	return r.Stream, nil
}

func (r *reader) take(e event) error {
	switch {
	case e.Sequence == nil || *e.Sequence <= r.sequence:
		return fmt.Errorf("the sequence number does not grow")
	case r.ended:
		return fmt.Errorf("it comes after the end")
	case len(r.Events) == 0 && e.Type != "response.created":
		return fmt.Errorf("it comes first")
	}
	r.sequence = *e.Sequence
	switch e.Type {
	case "response.created", "response.in_progress":
		return r.alive(e)
	case "response.completed", "response.incomplete", "response.failed":
		return r.end(e)
	case "error":
		if e.Code == "" || e.Message == "" || e.Param == nil {
			return fmt.Errorf("an error without code, message or param")
		}
		r.Error = e.Code
		return nil
	case "response.output_item.added":
		if e.Item == nil || e.OutputIndex == nil || *e.OutputIndex != len(r.items) || e.Item.ID == "" {
			return fmt.Errorf("not the next item")
		}
		r.items = append(r.items, &openItem{Item: *e.Item})
		return nil
	}
	if e.OutputIndex == nil || *e.OutputIndex >= len(r.items) {
		return fmt.Errorf("no such item")
	}
	it := r.items[*e.OutputIndex]
	if it.done || e.ItemID != "" && e.ItemID != it.ID {
		return fmt.Errorf("the item is done, or another")
	}
	return it.take(e)
}

func (r *reader) alive(e event) error {
	if e.Response == nil || e.Response.Object != "response" || e.Response.Status != "in_progress" || len(r.items) > 0 {
		return fmt.Errorf("not a response that begins")
	}
	if r.Response.ID != "" && r.Response.ID != e.Response.ID {
		return fmt.Errorf("another id")
	}
	r.Response = *e.Response
	return nil
}

func (it *openItem) take(e event) error {
	at := 0
	switch {
	case e.ContentIndex != nil:
		at = *e.ContentIndex
	case e.SummaryIndex != nil:
		at = *e.SummaryIndex
	}
	switch e.Type {
	case "response.content_part.added", "response.reasoning_summary_part.added":
		if at != len(it.parts) {
			return fmt.Errorf("not the next part")
		}
		it.parts = append(it.parts, &openPart{})
		return nil
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		it.args += *e.Delta
		return nil
	case "response.function_call_arguments.done":
		if *e.Arguments != it.args {
			return fmt.Errorf("the arguments were %q", it.args)
		}
		return nil
	case "response.custom_tool_call_input.done":
		if *e.Input != it.args {
			return fmt.Errorf("the input was %q", it.args)
		}
		return nil
	case "response.output_item.done":
		return it.end(*e.Item)
	}
	if at >= len(it.parts) || it.parts[at].done {
		return fmt.Errorf("no such part, or it is done")
	}
	return it.parts[at].take(e)
}

func (p *openPart) take(e event) error {
	stem, what := e.Type, ""
	if i := strings.LastIndexByte(e.Type, '.'); i >= 0 {
		stem, what = e.Type[:i], e.Type[i+1:]
	}
	switch {
	case strings.HasSuffix(stem, "_part") && what == "done":
		if e.Part.said() != p.text || !p.told {
			return fmt.Errorf("the part was %q", p.text)
		}
		p.done = true
	case what == "delta" && !p.told:
		p.text += *e.Delta
	case what == "done":
		whole := e.Text
		if whole == nil {
			whole = e.Refusal
		}
		if whole == nil || *whole != p.text {
			return fmt.Errorf("the text was %q", p.text)
		}
		p.told = true
	default:
		return fmt.Errorf("it does not belong here")
	}
	return nil
}

func (it *openItem) end(last Item) error {
	parts := last.Content
	if last.Type == "reasoning" {
		parts = last.Summary
	}
	if last.ID != it.ID || last.Type != it.Type || len(parts) != len(it.parts) || last.Arguments+last.Input != it.args || last.Name != it.Name {
		return fmt.Errorf("the item was another: %+v", it)
	}
	for i, p := range it.parts {
		if !p.done || parts[i].said() != p.text {
			return fmt.Errorf("part %d is open, or was %q", i, p.text)
		}
	}
	it.done, it.Item = true, last
	return nil
}

// end reads the last event. A response that failed may leave items open.
func (r *reader) end(e event) error {
	r.ended = true
	if e.Response == nil || e.Response.ID != r.Response.ID || e.Type == "response.failed" != gone(e.Response.Status) {
		return fmt.Errorf("not the response that began, in its last state")
	}
	r.Response = *e.Response
	if failure := r.Response.Error; r.Response.Status == "failed" && (failure == nil || failure.Code == "" || failure.Message == "") {
		return fmt.Errorf("a failure without code or message")
	}
	for _, it := range r.items {
		if !it.done && e.Type != "response.failed" {
			return fmt.Errorf("item %s is not done", it.ID)
		}
	}
	if e.Type != "response.failed" && len(r.Response.Output) != len(r.items) {
		return fmt.Errorf("%d items for %d that were told", len(r.Response.Output), len(r.items))
	}
	for i, it := range r.Response.Output {
		if e.Type != "response.failed" && fmt.Sprint(it) != fmt.Sprint(r.items[i].Item) {
			return fmt.Errorf("item %d was %+v", i, r.items[i].Item)
		}
	}
	r.Stream.gather(r.Response.Output)
	return nil
}

// gone says that there is no answer. There is no event for what was cancelled.
func gone(status string) bool { return status == "failed" || status == "cancelled" }

// gather puts together what the items say.
func (s *Stream) gather(items []Item) {
	for _, it := range items {
		for _, p := range it.Content {
			s.Text += p.Text
			s.Refusal += p.Refusal
		}
		for _, p := range it.Summary {
			s.Thinking += p.Text
		}
		if it.Type == "function_call" {
			s.Calls = append(s.Calls, Call{it.CallID, it.Name, it.Arguments})
		}
	}
}

// Whole reads a plain answer.
func Whole(body string) (Stream, error) {
	var s Stream
	if err := json.Unmarshal([]byte(body), &s.Response); err != nil || s.Response.Object != "response" || s.Response.ID == "" || s.Response.Status == "" {
		return s, fmt.Errorf("not a response: %q: %v", body, err)
	}
	s.gather(s.Response.Output)
	if s.Response.OutputText == nil || *s.Response.OutputText != s.Text {
		return s, fmt.Errorf("output_text is not the text of the messages in %q", body)
	}
	return s, nil
}

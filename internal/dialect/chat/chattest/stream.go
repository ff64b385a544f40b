// Package chattest reads streams of the chat dialect as a strict client does: it
// knows which chunk may follow which.
package chattest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire/wiretest"
)

// Stream is what a stream has told of its one choice.
type Stream struct {
	Text     string
	Thinking string
	Refusal  string
	Calls    []Call
	Finish   string
	Usage    bool   // it was told
	Error    string // code of the error event, "" without one
	Chunks   []string
}

// Call is a call of a tool.
type Call struct{ ID, Name, Arguments string }

type chunk struct {
	ID      string
	Object  string
	Created *int64
	Model   *string
	Choices []struct {
		Index int
		Delta delta
		Reach *string `json:"finish_reason"`
	}
	Usage *struct{}
	Error json.RawMessage
}

type delta struct {
	Role      *string
	Content   *string
	Reasoning *string `json:"reasoning_content"`
	Refusal   *string
	ToolCalls []struct {
		Index    int
		ID, Type string
		Function struct{ Name, Arguments string }
	} `json:"tool_calls"`
}

// reader is the state of a stream.
type reader struct {
	Stream
	id    string
	begun bool // the role was told
	done  bool // nothing may follow
}

// Read reads a stream to its end, which must be there. Its error is the first thing
// that a client must not be told, or not in that order.
func Read(stream string) (Stream, error) {
	r := &reader{}
	if err := wiretest.EachFrame(stream, r.take); err != nil {
		return r.Stream, err
	}
	if !r.done {
		return r.Stream, errors.New("it has no [DONE]")
	}
	return r.Stream, r.whole()
}

func (r *reader) take(frame string) error {
	name, data := "", frame
	if named, is := strings.CutPrefix(frame, "event: "); is {
		name, data, _ = strings.Cut(named, "\n")
	}
	data, isData := strings.CutPrefix(data, "data: ")
	switch {
	case r.done:
		return errors.New("an event after the end")
	case !isData || strings.Contains(data, "\n"):
		return errors.New("not one line of data")
	case data == "[DONE]":
		r.done = true
		return nil
	case r.Error != "":
		return errors.New("a chunk after an error")
	}
	var c chunk
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		return err
	}
	if c.Error != nil || name != "" {
		code, err := Error(data)
		if name != "error" || err != nil || code == "" {
			return fmt.Errorf("a named event that is no error: %w", err)
		}
		r.Error = code
		return nil
	}
	r.Chunks = append(r.Chunks, data)
	return r.chunk(c)
}

func (r *reader) chunk(c chunk) error {
	if r.id == "" {
		r.id = c.ID
	}
	switch {
	case c.ID == "" || c.ID != r.id:
		return errors.New("another id than before, or none")
	case c.Object != "chat.completion.chunk" || c.Created == nil || c.Model == nil:
		return errors.New("no chunk of a completion")
	case r.Usage:
		return errors.New("a chunk after the usage")
	case len(c.Choices) == 0 && c.Usage == nil:
		return errors.New("a chunk that says nothing")
	case len(c.Choices) == 0 && r.Finish == "":
		return errors.New("the usage before the end of the choice")
	}
	r.Usage = len(c.Choices) == 0
	for _, choice := range c.Choices {
		if choice.Index != 0 {
			return errors.New("a choice that nobody asked for")
		}
		if r.Finish != "" {
			return errors.New("a choice goes on after its end")
		}
		if err := r.delta(choice.Delta); err != nil {
			return err
		}
		if choice.Reach != nil {
			r.Finish = *choice.Reach
		}
	}
	return nil
}

func (r *reader) delta(d delta) error {
	switch {
	case d.Role != nil && r.begun:
		return errors.New("the role twice")
	case d.Role == nil && !r.begun:
		return errors.New("no role at first")
	case d.Role != nil && *d.Role != "assistant":
		return errors.New("another role")
	}
	r.begun = true
	for text, piece := range map[*string]*string{&r.Text: d.Content, &r.Thinking: d.Reasoning, &r.Refusal: d.Refusal} {
		if piece != nil {
			*text += *piece
		}
	}
	for _, call := range d.ToolCalls {
		switch begins := call.ID != ""; {
		case begins && (call.Index != len(r.Calls) || call.Type != "function" || call.Function.Name == ""):
			return errors.New("a call begins out of turn, or without type or name")
		case !begins && call.Index >= len(r.Calls):
			return errors.New("arguments of a call that has not begun")
		case begins:
			r.Calls = append(r.Calls, Call{ID: call.ID, Name: call.Function.Name})
		}
		r.Calls[call.Index].Arguments += call.Function.Arguments
	}
	return nil
}

// whole says what an answer that ended well must have.
func (r *reader) whole() error {
	if r.Error != "" {
		return nil
	}
	if r.Finish == "" {
		return errors.New("its choice has no end")
	}
	for _, call := range r.Calls {
		if !json.Valid([]byte(call.Arguments)) {
			return fmt.Errorf("the arguments of %s are no JSON: %s", call.Name, call.Arguments)
		}
	}
	if len(r.Calls) > 0 != (r.Finish == "tool_calls") {
		return fmt.Errorf("%d calls, and the end is %s", len(r.Calls), r.Finish)
	}
	return nil
}

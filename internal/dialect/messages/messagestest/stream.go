// Package messagestest reads streams of the messages dialect as a strict client
// does: it knows which event may follow which.
package messagestest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire/wiretest"
)

// Stream is what a stream has told.
type Stream struct {
	Blocks []Block
	Stop   string
	Error  string // type of the error event, "" without one
}

// Block is a block of the content; Text is its text, thinking, or the JSON of its input.
type Block struct {
	Type, ID, Name, Text, Signature string
}

type event struct {
	Type    string
	Message *struct {
		ID, Type, Role, Model string
		Content               []json.RawMessage
		Stop                  *string `json:"stop_reason"`
		Usage                 *struct {
			Input  *int64 `json:"input_tokens"`
			Output *int64 `json:"output_tokens"`
		}
	}
	Index *int
	Block *Block `json:"content_block"`
	Delta struct {
		Type, Text, Thinking, Signature string

		JSON string  `json:"partial_json"`
		Stop *string `json:"stop_reason"`
	}
	Usage *struct {
		Output *int64 `json:"output_tokens"`
	}
	Error *struct{ Type, Message string }
}

// reader is the state of a stream.
type reader struct {
	Stream
	begun, open, stopped, done bool
}

// Read reads a stream to its end, which must be there. Its error is the first thing
// that a client must not be told, or not in that order.
func Read(stream string) (Stream, error) {
	r := &reader{}
	if err := wiretest.EachFrame(stream, r.frame); err != nil {
		return r.Stream, err
	}
	if !r.done {
		return r.Stream, errors.New("it has neither message_stop nor an error")
	}
	return r.Stream, nil
}

func (r *reader) frame(frame string) error {
	name, data, _ := strings.Cut(frame, "\ndata: ")
	var e event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return err
	}
	switch {
	case name != "event: "+e.Type:
		return errors.New("its name is not its type")
	case r.done:
		return errors.New("an event after the end")
	case !r.begun && e.Type != "message_start" && e.Type != "error":
		return errors.New("an event before message_start")
	}
	return r.take(e)
}

func (r *reader) take(e event) error {
	switch e.Type {
	case "message_start":
		m := e.Message
		if r.begun || m == nil || m.ID == "" || m.Type != "message" || m.Role != "assistant" || m.Model == "" || m.Content == nil || len(m.Content) > 0 ||
			m.Stop != nil || m.Usage == nil || m.Usage.Input == nil || m.Usage.Output == nil {
			return errors.New("no start of a message")
		}
		r.begun = true
	case "ping":
	case "content_block_start":
		if r.open || r.stopped || e.Index == nil || *e.Index != len(r.Blocks) || e.Block == nil || e.Block.Type == "" {
			return errors.New("a block begins out of turn")
		}
		r.Blocks, r.open = append(r.Blocks, *e.Block), true
	case "content_block_delta":
		return r.delta(e)
	case "content_block_stop":
		if !r.open || e.Index == nil || *e.Index != len(r.Blocks)-1 {
			return errors.New("a block ends that is not open")
		}
		r.open = false
		if b := r.Blocks[*e.Index]; b.Type == "tool_use" && (b.ID == "" || b.Name == "" || b.Text != "" && !json.Valid([]byte(b.Text))) {
			return errors.New("a call without id or name, or whose input is no JSON")
		}
	case "message_delta":
		if r.open || r.stopped || e.Delta.Stop == nil || e.Usage == nil || e.Usage.Output == nil {
			return errors.New("no end of a message")
		}
		r.stopped, r.Stop = true, *e.Delta.Stop
	case "message_stop":
		if !r.stopped {
			return errors.New("the end without a reason")
		}
		r.done = true
	case "error":
		if e.Error == nil || e.Error.Type == "" || e.Error.Message == "" {
			return errors.New("an error without type or message")
		}
		r.done, r.Error = true, e.Error.Type
	default:
		return errors.New("an event that this API does not have")
	}
	return nil
}

// delta takes a piece of the block that is open.
func (r *reader) delta(e event) error {
	if !r.open || e.Index == nil || *e.Index != len(r.Blocks)-1 {
		return errors.New("a piece of a block that is not open")
	}
	b := &r.Blocks[*e.Index]
	of := map[string]string{"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "thinking", "input_json_delta": "tool_use"}
	if of[e.Delta.Type] != b.Type {
		return fmt.Errorf("a %s in a block of type %s", e.Delta.Type, b.Type)
	}
	b.Text += e.Delta.Text + e.Delta.Thinking + e.Delta.JSON
	b.Signature += e.Delta.Signature
	return nil
}

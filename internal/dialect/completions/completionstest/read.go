// Package completionstest reads answers of the completions dialect as a strict client
// does.
package completionstest

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat/chattest"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire/wiretest"
)

// Answer is what an answer has told of its one choice.
type Answer struct {
	Text   string
	Finish string
	Error  string // code of the error event, "" without one
}

type completion struct {
	ID      string
	Object  string
	Created *int64
	Model   *string
	Choices []struct {
		Text  *string
		Index *int
		Reach *string `json:"finish_reason"`
	}
	Usage *struct{}
}

// reader is the state of an answer.
type reader struct {
	Answer
	id    string
	usage bool // it was told, and no chunk may follow
	done  bool // nothing may follow
}

// Read reads a stream to its end, which must be there. Its error is the first thing
// that a client must not be told, or not in that order.
func Read(stream string) (Answer, error) {
	r := &reader{}
	if err := wiretest.EachFrame(stream, r.take); err != nil {
		return r.Answer, err
	}
	if !r.done {
		return r.Answer, errors.New("it has no [DONE]")
	}
	if r.Error == "" && r.Finish == "" {
		return r.Answer, errors.New("its choice has no end")
	}
	return r.Answer, nil
}

// Whole reads a plain answer.
func Whole(body string) (Answer, error) {
	r := &reader{}
	if err := r.object(body); err != nil {
		return r.Answer, err
	}
	if r.Finish == "" || !r.usage {
		return r.Answer, errors.New("no end, or no usage")
	}
	return r.Answer, nil
}

func (r *reader) take(frame string) error {
	failure, failed := strings.CutPrefix(frame, "event: error\ndata: ")
	data, isData := strings.CutPrefix(frame, "data: ")
	switch {
	case r.done:
		return errors.New("an event after the end")
	case data == "[DONE]":
		r.done = true
		return nil
	case r.Error != "":
		return errors.New("a chunk after an error")
	case failed:
		var err error
		r.Error, err = chattest.Error(failure)
		return err
	case !isData:
		return errors.New("not one line of data")
	case r.usage:
		return errors.New("a chunk after the usage")
	}
	return r.object(data)
}

func (r *reader) object(body string) error {
	var c completion
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return err
	}
	if r.id == "" {
		r.id = c.ID
	}
	switch {
	case c.ID == "" || c.ID != r.id:
		return errors.New("another id than before, or none")
	case c.Object != "text_completion" || c.Created == nil || c.Model == nil || c.Choices == nil:
		return errors.New("no text completion")
	case len(c.Choices) == 0 && (c.Usage == nil || r.Finish == ""):
		return errors.New("a chunk that says nothing, or the usage before the end")
	}
	for _, choice := range c.Choices {
		if choice.Text == nil || choice.Index == nil || *choice.Index != 0 || r.Finish != "" {
			return errors.New("a choice without text, that nobody asked for, or that goes on after its end")
		}
		r.Text += *choice.Text
		if choice.Reach != nil {
			r.Finish = *choice.Reach
		}
	}
	r.usage = c.Usage != nil
	return nil
}

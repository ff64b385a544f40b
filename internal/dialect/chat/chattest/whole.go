package chattest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Whole reads a plain answer. Its error is the first thing that a client must not be told.
func Whole(body string) (Stream, error) {
	var answer struct {
		ID      string
		Object  string
		Created *int64
		Model   *string
		Choices []struct {
			Index   *int
			Message *message
			Reach   *string `json:"finish_reason"`
		}
		Usage *struct{}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return Stream{}, err
	}
	switch {
	case answer.ID == "" || answer.Object != "chat.completion" || answer.Created == nil || answer.Model == nil:
		return Stream{}, errors.New("no completion")
	case len(answer.Choices) != 1 || answer.Choices[0].Index == nil || *answer.Choices[0].Index != 0:
		return Stream{}, errors.New("not the one choice that was asked for")
	case answer.Choices[0].Reach == nil:
		return Stream{}, errors.New("its choice has no end")
	case answer.Usage == nil:
		return Stream{}, errors.New("no usage")
	}
	r := reader{}
	r.Usage, r.Finish = true, *answer.Choices[0].Reach
	if err := r.message(answer.Choices[0].Message); err != nil {
		return r.Stream, err
	}
	return r.Stream, r.whole()
}

type message struct {
	Role      string
	Content   json.RawMessage
	Reasoning string `json:"reasoning_content"`
	Refusal   string
	ToolCalls []struct {
		ID, Type string
		Function struct{ Name, Arguments string }
	} `json:"tool_calls"`
}

func (r *reader) message(m *message) error {
	if m == nil || m.Role != "assistant" {
		return errors.New("no message of the assistant")
	}
	// Clients read the member without looking whether it is there.
	var content *string
	if m.Content == nil || json.Unmarshal(m.Content, &content) != nil {
		return fmt.Errorf("a content that is neither text nor null: %s", m.Content)
	}
	if content != nil {
		r.Text = *content
	}
	r.Thinking, r.Refusal = m.Reasoning, m.Refusal
	for _, call := range m.ToolCalls {
		if call.ID == "" || call.Type != "function" || call.Function.Name == "" {
			return errors.New("a call without id, type or name")
		}
		r.Calls = append(r.Calls, Call{call.ID, call.Function.Name, call.Function.Arguments})
	}
	return nil
}

// Error reads the body of an error of OpenAI's APIs and returns its code, "" where that
// is null. What its description demands must be there.
func Error(body string) (code string, err error) {
	var told struct{ Error json.RawMessage }
	var inner map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &told) != nil || json.Unmarshal(told.Error, &inner) != nil {
		return "", errors.New("no object named error")
	}
	for _, name := range []string{"message", "type", "param", "code"} {
		var text *string
		value, is := inner[name]
		switch {
		case !is || json.Unmarshal(value, &text) != nil:
			return "", fmt.Errorf("%s is missing, or no text", name)
		case text == nil && (name == "message" || name == "type"):
			return "", fmt.Errorf("%s is null", name)
		case text != nil && name == "code":
			code = *text
		}
	}
	return code, nil
}

package messagestest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Whole reads a plain answer. Its error is the first thing that a client must not be told.
func Whole(body string) (Stream, error) {
	var s Stream
	var answer struct {
		ID, Type, Role, Model string

		Content []struct {
			Block
			Thinking string
			Input    json.RawMessage
		}
		Stop  string `json:"stop_reason"`
		Usage *struct {
			Input  *int64 `json:"input_tokens"`
			Output *int64 `json:"output_tokens"`
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return s, err
	}
	switch {
	case answer.ID == "" || answer.Type != "message" || answer.Role != "assistant" || answer.Model == "" || answer.Content == nil:
		return s, errors.New("no message")
	case answer.Stop == "":
		return s, errors.New("the end without a reason")
	case answer.Usage == nil || answer.Usage.Input == nil || answer.Usage.Output == nil:
		return s, errors.New("no usage")
	}
	s.Stop = answer.Stop
	for _, b := range answer.Content {
		switch b.Type {
		case "":
			return s, errors.New("a block without a type")
		case "thinking":
			b.Text = b.Thinking
		case "tool_use":
			if b.ID == "" || b.Name == "" || !bytes.HasPrefix(b.Input, []byte("{")) {
				return s, errors.New("a call without id, name or input")
			}
			b.Text = string(b.Input)
		}
		s.Blocks = append(s.Blocks, b.Block)
	}
	return s, nil
}

// Error reads the body of an error and returns its type.
func Error(body string) (kind string, err error) {
	var told struct {
		Type  string
		Error struct{ Type, Message string }
	}
	switch err := json.Unmarshal([]byte(body), &told); {
	case err != nil:
		return "", fmt.Errorf("no error: %w", err)
	case told.Type != "error" || told.Error.Type == "" || told.Error.Message == "":
		return "", errors.New("an error without type or message")
	}
	return told.Error.Type, nil
}

package responses

import (
	"bytes"
	"encoding/json"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// response is the object of an answer that is built, with every field that
// OpenAI's description requires and those that its clients read besides.
type response struct {
	ID                 string             `json:"id"`
	Object             string             `json:"object"`
	CreatedAt          int64              `json:"created_at"`
	Status             string             `json:"status"`
	Background         bool               `json:"background"`
	Conversation       json.RawMessage    `json:"conversation,omitempty"`
	Error              *responseError     `json:"error"`
	IncompleteDetails  *incompleteDetails `json:"incomplete_details"`
	Instructions       json.RawMessage    `json:"instructions"`
	MaxOutputTokens    json.RawMessage    `json:"max_output_tokens"`
	Model              string             `json:"model"`
	Output             []any              `json:"output"`
	OutputText         *string            `json:"output_text,omitempty"`
	ParallelToolCalls  json.RawMessage    `json:"parallel_tool_calls"`
	PreviousResponseID json.RawMessage    `json:"previous_response_id"`
	PromptCacheKey     json.RawMessage    `json:"prompt_cache_key,omitempty"`
	Reasoning          json.RawMessage    `json:"reasoning"`
	SafetyIdentifier   json.RawMessage    `json:"safety_identifier,omitempty"`
	Store              bool               `json:"store"`
	Temperature        json.RawMessage    `json:"temperature"`
	Text               json.RawMessage    `json:"text"`
	ToolChoice         json.RawMessage    `json:"tool_choice"`
	Tools              json.RawMessage    `json:"tools"`
	TopP               json.RawMessage    `json:"top_p"`
	Truncation         json.RawMessage    `json:"truncation"`
	Usage              *usageObject       `json:"usage,omitempty"`
	User               json.RawMessage    `json:"user,omitempty"`
	Metadata           json.RawMessage    `json:"metadata"`
}

// responseError is why a response failed. OpenAI's description allows few codes, and
// strict clients refuse others; Reason is ours, as in the event named error.
type responseError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Reason  sallyport.Code `json:"reason"`
}

// newError tells e in the words that the description allows.
func newError(e sallyport.Error) *responseError {
	code := "server_error"
	switch e.Code {
	case sallyport.RateLimited, sallyport.PromptTooLong:
		// The one is among them. The other OpenAI tells without describing it, and Codex CLI
		// knows by it alone that it must make the conversation shorter.
		code = string(e.Code)
	case sallyport.DLPBlocked, sallyport.InvalidBody, sallyport.UnsupportedField, sallyport.UnsupportedTool:
		code = "invalid_prompt" // the same again would end the same
	}
	return &responseError{code, e.Message, e.Code}
}

// State is how a response stands.
type State struct {
	Status  string           // "in_progress", "completed", "failed" or "cancelled"
	Usage   *llm.Usage       // nil: it is not known
	Failure *sallyport.Error // of one that failed
}

type incompleteDetails struct {
	Reason string `json:"reason"`
}

type responseEvent struct {
	Type     string    `json:"type"`
	Sequence int64     `json:"sequence_number"`
	Response *response `json:"response"`
}

// response returns the object as it is before anything is said. What the client
// asked is told as the client wrote it: data protection has changed what the
// provider got, not what was asked.
func (n *Encoder) response(status string) *response {
	if n.id == "" {
		n.id = newID("resp")
	}
	root := n.req.Body.Root()
	or := func(name, otherwise string) json.RawMessage {
		if v := root.Get(name); !v.IsNull() {
			return v.Raw()
		}
		if otherwise == "" {
			return nil
		}
		return json.RawMessage(otherwise)
	}
	model := n.model
	if model == "" {
		model = n.req.Model
	}
	previous := or("previous_response_id", "null")
	if n.stored.Previous != "" {
		previous = llm.Quote(n.stored.Previous)
	}
	return &response{
		Store: n.stored.ID != "", Background: n.stored.Background, Conversation: n.stored.conversation(),
		ID: n.id, Object: "response", CreatedAt: n.created.Unix(), Status: status, Model: model, Output: []any{},
		Instructions: or("instructions", "null"), MaxOutputTokens: or("max_output_tokens", "null"),
		ParallelToolCalls: or("parallel_tool_calls", "true"), PreviousResponseID: previous,
		PromptCacheKey: or("prompt_cache_key", ""), SafetyIdentifier: or("safety_identifier", ""), User: or("user", ""),
		Reasoning: or("reasoning", `{"effort":null,"summary":null}`), Temperature: or("temperature", "1"), TopP: or("top_p", "1"),
		Text: textObject(root.Get("text")), ToolChoice: or("tool_choice", `"auto"`), Tools: toolObjects(root),
		Truncation: or("truncation", `"disabled"`), Metadata: or("metadata", "{}"),
	}
}

// textObject tells the format of texts also where the client left it out.
func textObject(v llm.Value) json.RawMessage {
	if v.IsNull() {
		return json.RawMessage(`{"format":{"type":"text"}}`)
	}
	if v.Get("format").Exists() {
		return v.Raw()
	}
	return extended(v.Raw(), `"format":{"type":"text"}`, v.Len() == 0)
}

// toolObjects tells the tools, with the fields that this dialect requires in an
// answer although a client may leave them out, and without what was not offered.
func toolObjects(root llm.Value) json.RawMessage {
	out := []byte{'['}
	optional := withoutSearch(root)
	root.Get("tools").Items(func(_ int, tool llm.Value) bool {
		if optional && tool.Get("type").Text() == "web_search" {
			return true
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		raw := tool.Raw()
		if tool.Get("type").Text() == "function" {
			for _, name := range []string{"parameters", "strict"} {
				if !tool.Get(name).Exists() {
					raw = extended(raw, `"`+name+`":null`, false)
				}
			}
		}
		out = append(out, raw...)
		return true
	})
	return append(out, ']')
}

// extended adds a member to the JSON of an object.
func extended(object []byte, member string, empty bool) []byte {
	out := append(bytes.Clone(object[:len(object)-1]), ',')
	if empty {
		out = out[:len(out)-1]
	}
	return append(append(out, member...), '}')
}

// The items of an answer, and their parts.
type (
	messageItem struct {
		ID      string `json:"id"`
		Type    string `json:"type"`
		Status  string `json:"status"`
		Role    string `json:"role"`
		Content []any  `json:"content"`
	}
	callItem struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Status    string `json:"status"`
		CallID    string `json:"call_id"`
		Namespace string `json:"namespace,omitempty"`
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	}
	customItem struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Status    string `json:"status"`
		CallID    string `json:"call_id"`
		Namespace string `json:"namespace,omitempty"`
		Name      string `json:"name"`
		Input     string `json:"input"`
	}
	reasoningItem struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Status    string `json:"status,omitempty"`
		Summary   []any  `json:"summary"`
		Encrypted string `json:"encrypted_content,omitempty"`
	}
	textPart struct {
		Type        string `json:"type"`
		Text        string `json:"text"`
		Annotations []any  `json:"annotations"`
		Logprobs    []any  `json:"logprobs"`
	}
	refusalPart struct {
		Type    string `json:"type"`
		Refusal string `json:"refusal"`
	}
	summaryText struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
)

// The events of an answer that is built. Which fields an event has is told by
// its type.
type itemEvent struct {
	Type        string `json:"type"`
	Sequence    int64  `json:"sequence_number"`
	OutputIndex int    `json:"output_index"`
	Item        any    `json:"item"`
}

type partEvent struct {
	Type         string `json:"type"`
	Sequence     int64  `json:"sequence_number"`
	ItemID       string `json:"item_id"`
	OutputIndex  int    `json:"output_index"`
	ContentIndex *int   `json:"content_index,omitempty"`
	SummaryIndex *int   `json:"summary_index,omitempty"`
	Part         any    `json:"part,omitempty"`

	Delta     *string `json:"delta,omitempty"`
	Text      *string `json:"text,omitempty"`
	Refusal   *string `json:"refusal,omitempty"`
	Name      string  `json:"name,omitempty"`
	Arguments *string `json:"arguments,omitempty"`
	Input     *string `json:"input,omitempty"`
	Logprobs  []any   `json:"logprobs,omitzero"` // of texts, always empty
}

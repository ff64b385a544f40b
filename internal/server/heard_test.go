package server_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// chunk is what these tests read of a chat.completion.chunk.
type chunk struct {
	ID      string
	Object  string
	Model   string
	Choices []struct {
		Index int
		Delta struct {
			Role      *string
			Content   *string
			Refusal   *string
			ToolCalls []struct {
				Index    int
				ID       string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
		FinishReason *string `json:"finish_reason"`
		Logprobs     json.RawMessage
	}
	Usage *struct {
		PromptTokens     int64 `json:"prompt_tokens"`
		CompletionTokens int64 `json:"completion_tokens"`
	}
}

// heard is a stream as a client reads it.
type heard struct {
	chunks  []chunk
	text    map[int]string
	args    map[int]string
	pieces  []string // every text of every chunk
	roles   map[int][]string
	finish  map[int][]string
	tools   []string // ids and names, in the order in which they came
	errors  []string // data of error events
	last    string   // the last data line
	usages  int
	logged  []string // logprobs that are not null
	unnamed int
	late    []string // texts that came after their choice had finished
}

// readStream reads server-sent events, and fails on what is not the dialect's.
func readStream(t *testing.T, body string) heard {
	t.Helper()
	h := heard{text: map[int]string{}, args: map[int]string{}, roles: map[int][]string{}, finish: map[int][]string{}}
	if body != "" && !strings.HasSuffix(body, "\n\n") {
		t.Errorf("the stream ends in the middle of an event: %q", body)
	}
	for frame := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		name, data := "", ""
		for line := range strings.SplitSeq(frame, "\n") {
			if after, ok := strings.CutPrefix(line, "event: "); ok {
				name = after
			}
			if after, ok := strings.CutPrefix(line, "data: "); ok {
				data += after
			}
		}
		h.last = data
		switch {
		case name == "error":
			h.errors = append(h.errors, data)
		case data == "[DONE]":
			h.unnamed++
		default:
			h.add(t, data)
		}
	}
	return h
}

func (h *heard) add(t *testing.T, data string) {
	t.Helper()
	var c chunk
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		t.Fatalf("chunk %q: %v", data, err)
	}
	h.chunks = append(h.chunks, c)
	if c.Usage != nil {
		h.usages++
	}
	for _, choice := range c.Choices {
		if text := choice.Delta.Content; len(h.finish[choice.Index]) > 0 && (text != nil && *text != "" || len(choice.Delta.ToolCalls) > 0) {
			h.late = append(h.late, data)
		}
		if choice.Delta.Role != nil {
			h.roles[choice.Index] = append(h.roles[choice.Index], *choice.Delta.Role)
		}
		if choice.Delta.Content != nil {
			h.text[choice.Index] += *choice.Delta.Content
			h.pieces = append(h.pieces, *choice.Delta.Content)
		}
		for _, call := range choice.Delta.ToolCalls {
			if call.ID != "" || call.Function.Name != "" {
				h.tools = append(h.tools, call.ID+" "+call.Function.Name)
			}
			h.args[call.Index] += call.Function.Arguments
			h.pieces = append(h.pieces, call.Function.Arguments)
		}
		if choice.FinishReason != nil {
			h.finish[choice.Index] = append(h.finish[choice.Index], *choice.FinishReason)
		}
		if len(choice.Logprobs) > 0 && string(choice.Logprobs) != "null" {
			h.logged = append(h.logged, string(choice.Logprobs))
		}
	}
}

// whole checks what every stream of the chat dialect that ends well has.
func (h *heard) whole(t *testing.T, choices int, finish string) {
	t.Helper()
	h.ended(t, choices, finish, "chatcmpl-fake", servertest.ModelTarget)
}

// ended checks that too, and the id and model of each chunk.
func (h *heard) ended(t *testing.T, choices int, finish, id, model string) {
	t.Helper()
	if h.last != "[DONE]" || h.unnamed != 1 || len(h.errors) != 0 {
		t.Errorf("the stream ends with %q, has %d [DONE] and the errors %q", h.last, h.unnamed, h.errors)
	}
	if len(h.late) > 0 {
		t.Errorf("texts come after the finish: %q", h.late)
	}
	for i := range choices {
		if !slices.Equal(h.finish[i], []string{finish}) {
			t.Errorf("choice %d has finish reasons %q, want one %q", i, h.finish[i], finish)
		}
		if len(h.roles[i]) == 0 || h.roles[i][0] != "assistant" {
			t.Errorf("choice %d has roles %q", i, h.roles[i])
		}
	}
	for _, c := range h.chunks {
		if c.ID != id || c.Object != "chat.completion.chunk" || c.Model != model {
			t.Errorf("a chunk has id %q, object %q, model %q", c.ID, c.Object, c.Model)
		}
	}
}

// hides fails when a chunk has one of the values or a part of one that tells something.
func (h *heard) hides(t *testing.T, values ...string) {
	t.Helper()
	for _, piece := range h.pieces {
		for _, v := range values {
			if strings.Contains(piece, v) || strings.Contains(piece, v[:len(v)/2]) || strings.Contains(piece, v[len(v)/2:]) {
				t.Errorf("the chunk %q tells of the hidden %q", piece, v)
			}
		}
	}
	for _, text := range h.text {
		for _, v := range values {
			if strings.Contains(text, v) {
				t.Errorf("the joined text %q has the hidden %q", text, v)
			}
		}
	}
}

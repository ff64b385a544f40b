package provider

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// offlineWire writes an answer of the offline model in the chat dialect.
type offlineWire struct {
	id           string
	created      int64
	model        string
	callID       string
	promptTokens int64
	answer       offlineAnswer
}

// The objects of the dialect. Members that are null in every answer stand as any.
type (
	wireAnswer struct {
		ID      string       `json:"id"`
		Object  string       `json:"object"`
		Created int64        `json:"created"`
		Model   string       `json:"model"`
		Choices []wireChoice `json:"choices"`
		Usage   *wireUsage   `json:"usage,omitempty"`
	}
	wireChoice struct {
		Index        int          `json:"index"`
		Message      *wireMessage `json:"message,omitempty"`
		Delta        *wireDelta   `json:"delta,omitempty"`
		Logprobs     any          `json:"logprobs"`
		FinishReason any          `json:"finish_reason"`
	}
	wireMessage struct {
		Role      string     `json:"role"`
		Content   *string    `json:"content"`
		Refusal   any        `json:"refusal"`
		ToolCalls []wireCall `json:"tool_calls,omitempty"`
	}
	wireDelta struct {
		Role      string     `json:"role,omitempty"`
		Content   *string    `json:"content,omitempty"`
		ToolCalls []wireCall `json:"tool_calls,omitempty"`
	}
	wireCall struct {
		Index    *int         `json:"index,omitempty"` // in a stream
		ID       string       `json:"id,omitempty"`
		Type     string       `json:"type,omitempty"`
		Function wireFunction `json:"function"`
	}
	wireFunction struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	}
	wireUsage struct {
		PromptTokens     int64 `json:"prompt_tokens"`
		CompletionTokens int64 `json:"completion_tokens"`
		TotalTokens      int64 `json:"total_tokens"`
	}
)

// whole pushes the answer as one event.
func (w offlineWire) whole(out llm.Sink) error {
	message := &wireMessage{Role: "assistant"}
	if w.answer.tool == "" {
		var text bytes.Buffer
		for _, piece := range w.answer.pieces {
			text.WriteString(piece)
		}
		content := text.String()
		message.Content = &content
	} else {
		message.ToolCalls = []wireCall{{ID: w.callID, Type: "function", Function: wireFunction{w.answer.tool, w.answer.arguments}}}
	}
	body, err := w.encode("chat.completion", w.usage(), wireChoice{Message: message, FinishReason: w.reason()})
	if err != nil {
		return err
	}
	doc, err := llm.Parse(body)
	if err != nil {
		return errOfflineWire(err)
	}
	var e llm.Event
	if err := chat.DecodeWhole(doc, &e); err != nil {
		return err
	}
	return out(&e)
}

// stream pushes the answer in chunks: the role, the pieces, the reason of the
// end, the usage. With cut it stops after that many pieces, as a connection
// that breaks does.
func (w offlineWire) stream(ctx context.Context, cut *int, out llm.Sink) error {
	var doc llm.Document
	var e llm.Event
	push := func(usage *wireUsage, choices ...wireChoice) error {
		if err := wait(ctx, 0); err != nil {
			return err
		}
		chunk, err := w.encode("chat.completion.chunk", usage, choices...)
		if err != nil {
			return err
		}
		if err := doc.Reset(chunk); err != nil {
			return errOfflineWire(err)
		}
		if err := chat.DecodeEvent(&doc, &e); err != nil {
			return err
		}
		return out(&e)
	}
	for i, delta := range w.deltas() {
		// The first delta is the role and no piece.
		if cut != nil && i > *cut {
			return errOfflineCut
		}
		if err := push(nil, wireChoice{Delta: &delta}); err != nil {
			return err
		}
	}
	if cut != nil {
		return errOfflineCut
	}
	if err := push(nil, wireChoice{Delta: &wireDelta{}, FinishReason: w.reason()}); err != nil {
		return err
	}
	if err := push(w.usage()); err != nil {
		return err
	}
	return out(&llm.Event{Kind: llm.DoneEvent, Dialect: llm.Chat})
}

// argumentPiece is the size of the pieces that arguments are streamed in.
const argumentPiece = 16

func (w offlineWire) deltas() []wireDelta {
	first, index := "", 0
	deltas := []wireDelta{{Role: "assistant", Content: &first}}
	if w.answer.tool == "" {
		for _, piece := range w.answer.pieces {
			deltas = append(deltas, wireDelta{Content: &piece})
		}
		return deltas
	}
	deltas[0].Content = nil
	deltas = append(deltas, wireDelta{ToolCalls: []wireCall{{
		Index: &index, ID: w.callID, Type: "function", Function: wireFunction{Name: w.answer.tool},
	}}})
	for rest := w.answer.arguments; rest != ""; {
		piece := cutText(rest, argumentPiece)
		rest = rest[len(piece):]
		deltas = append(deltas, wireDelta{ToolCalls: []wireCall{{Index: &index, Function: wireFunction{Arguments: piece}}}})
	}
	return deltas
}

func (w offlineWire) reason() llm.StopReason {
	switch {
	case w.answer.cut:
		return llm.StopLength
	case w.answer.tool != "":
		return llm.StopTools
	}
	return llm.StopEnd
}

func (w offlineWire) usage() *wireUsage {
	output := tokensOf(w.answer.size())
	return &wireUsage{w.promptTokens, output, w.promptTokens + output}
}

func (w offlineWire) encode(object string, usage *wireUsage, choices ...wireChoice) ([]byte, error) {
	if choices == nil {
		choices = []wireChoice{}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(wireAnswer{w.id, object, w.created, w.model, choices, usage})
	if err != nil {
		return nil, errOfflineWire(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func errOfflineWire(cause error) error {
	return sallyport.WrapError(sallyport.Internal, "The offline model could not write its answer.", cause)
}

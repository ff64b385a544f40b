package providertest

import (
	"encoding/json"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// wire is a dialect as a provider writes it. It is written here by hand and not
// with the product's own encoders: a test must not check code with itself.
type wire interface {
	whole(r *Request, a Answer) string
	stream(r *Request, a Answer) frames
	failure() string      // an error told in place of an answer
	failureFrame() string // an error told inside of a stream
	// frame is an event of a stream with that as its data, whatever it is.
	frame(data string) string
	streamType() string // the content type of a stream
	// counted is what of u this dialect has counts for.
	counted(u llm.Usage) llm.Usage
}

// eventStream is what a wire has whose streams are server-sent events.
type eventStream struct{}

func (eventStream) frame(data string) string      { return "data: " + data + "\n\n" }
func (eventStream) streamType() string            { return "text/event-stream" }
func (eventStream) counted(u llm.Usage) llm.Usage { return u }

// frames are the events of an answer.
type frames struct {
	head   []string
	pieces []string // one for each piece of the text
	tail   []string // thinking and tools stand here or in head; then the end
	mark   string   // of the success end, where it is an event that says nothing else
}

func wireOf(path string) wire {
	switch {
	case strings.HasSuffix(path, "/messages"):
		return messagesWire{}
	case strings.HasSuffix(path, "/messages/count_tokens"):
		return tokensWire{}
	case strings.HasSuffix(path, "/responses/input_tokens"):
		return inputTokensWire{}
	case strings.HasSuffix(path, "/responses"):
		return responsesWire{}
	case geminiPath.MatchString(path):
		return geminiWire{}
	case conversePath.MatchString(path):
		return converseWire{}
	}
	return chatWire{}
}

// tokensWire tells, for a request of the messages dialect, the tokens of its input.
type tokensWire struct{ messagesWire }

func (tokensWire) whole(_ *Request, a Answer) string {
	return toJSON(object{"input_tokens": a.usage().Input})
}

// inputTokensWire tells, for a request of the responses dialect, the tokens of its input.
type inputTokensWire struct{ responsesWire }

func (inputTokensWire) whole(_ *Request, a Answer) string {
	return toJSON(object{"object": "response.input_tokens", "input_tokens": a.usage().Input})
}

type object map[string]any

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and maps of them
	}
	return string(text)
}

// chatWire is OpenAI's chat completions.
type chatWire struct{ eventStream }

const chatID = "chatcmpl-fake"

func (chatWire) object(kind string, r *Request, choices []object) object {
	return object{"id": chatID, "object": kind, "created": 1767225600, "model": r.Model, "choices": choices}
}

func (chatWire) choices(r *Request) int { return max(r.fields.N, 1) }

func (w chatWire) whole(r *Request, a Answer) string {
	message := object{"role": "assistant", "content": a.text()}
	if a.text() == "" && len(a.Tools) > 0 {
		message["content"] = nil
	}
	if a.Thinking != "" {
		message["reasoning_content"] = a.Thinking
	}
	var calls []object
	for _, c := range a.Tools {
		calls = append(calls, object{"id": c.ID, "type": "function", "function": object{"name": c.Name, "arguments": c.Arguments}})
	}
	if calls != nil {
		message["tool_calls"] = calls
	}
	var choices []object
	for i := range w.choices(r) {
		choices = append(choices, object{"index": i, "message": message, "finish_reason": a.finish(), "logprobs": nil})
	}
	body := w.object("chat.completion", r, choices)
	if u := a.usage(); u != nil {
		body["usage"] = chatUsage(*u)
	}
	return toJSON(body)
}

// chatUsage counts as OpenAI does: parts within wholes.
func chatUsage(u llm.Usage) object {
	prompt := u.Input + u.CachedInput + u.CacheWrite
	return object{
		"prompt_tokens": prompt, "completion_tokens": u.Output, "total_tokens": prompt + u.Output,
		"prompt_tokens_details":     object{"cached_tokens": u.CachedInput, "cache_write_tokens": u.CacheWrite},
		"completion_tokens_details": object{"reasoning_tokens": u.Reasoning},
	}
}

func (w chatWire) stream(r *Request, a Answer) frames {
	var f frames
	chunk := func(delta object, finish any) string {
		var all []string
		for i := range w.choices(r) {
			body := w.object("chat.completion.chunk", r, []object{{"index": i, "delta": delta, "finish_reason": finish}})
			if r.fields.StreamOptions.IncludeUsage {
				body["usage"] = nil
			}
			all = append(all, "data: "+toJSON(body)+"\n\n")
		}
		return strings.Join(all, "")
	}
	f.head = append(f.head, chunk(object{"role": "assistant", "content": ""}, nil))
	if a.Thinking != "" {
		f.head = append(f.head, chunk(object{"reasoning_content": a.Thinking}, nil))
	}
	for _, piece := range a.pieces() {
		f.pieces = append(f.pieces, chunk(object{"content": piece}, nil))
	}
	for i, c := range a.Tools {
		call := object{"index": i, "id": c.ID, "type": "function", "function": object{"name": c.Name, "arguments": ""}}
		f.tail = append(f.tail, chunk(object{"tool_calls": []object{call}}, nil))
		for _, piece := range c.argumentPieces() {
			more := object{"index": i, "function": object{"arguments": piece}}
			f.tail = append(f.tail, chunk(object{"tool_calls": []object{more}}, nil))
		}
	}
	f.tail = append(f.tail, chunk(object{}, a.finish()))
	if u := a.usage(); u != nil && r.fields.StreamOptions.IncludeUsage {
		body := w.object("chat.completion.chunk", r, []object{})
		body["usage"] = chatUsage(*u)
		f.tail = append(f.tail, "data: "+toJSON(body)+"\n\n")
	}
	f.mark = "data: [DONE]\n\n"
	return f
}

func (chatWire) failure() string {
	return `{"error":{"message":"The fake provider fails.","type":"server_error","code":"fake"}}`
}

func (w chatWire) failureFrame() string { return "data: " + w.failure() + "\n\n" }

// messagesWire is Anthropic's messages.
type messagesWire struct{ eventStream }

func (messagesWire) reason(a Answer) string {
	switch a.finish() {
	case string(llm.StopLength):
		return "max_tokens"
	case string(llm.StopTools):
		return "tool_use"
	case string(llm.StopFilter):
		return "refusal"
	}
	return "end_turn"
}

func (w messagesWire) message(r *Request) object {
	return object{
		"id": "msg_fake", "type": "message", "role": "assistant", "model": r.Model,
		"content": []object{}, "stop_reason": nil, "stop_sequence": nil,
	}
}

func (w messagesWire) whole(r *Request, a Answer) string {
	content := []object{}
	if a.Thinking != "" {
		content = append(content, object{"type": "thinking", "thinking": a.Thinking, "signature": "c2lnbmVk"})
	}
	if a.text() != "" {
		content = append(content, object{"type": "text", "text": a.text()})
	}
	for _, c := range a.Tools {
		content = append(content, object{"type": "tool_use", "id": c.ID, "name": c.Name, "input": json.RawMessage(c.Arguments)})
	}
	body := w.message(r)
	body["content"], body["stop_reason"] = content, w.reason(a)
	if u := a.usage(); u != nil {
		body["usage"] = messagesUsage(*u, u.Output)
	}
	return toJSON(body)
}

func messagesUsage(u llm.Usage, output int64) object {
	return object{
		"input_tokens": u.Input, "cache_read_input_tokens": u.CachedInput,
		"cache_creation_input_tokens": u.CacheWrite, "output_tokens": output,
	}
}

func (w messagesWire) stream(r *Request, a Answer) frames {
	var f frames
	event := func(kind string, body object) string {
		body["type"] = kind
		return "event: " + kind + "\ndata: " + toJSON(body) + "\n\n"
	}
	message := w.message(r)
	if u := a.usage(); u != nil {
		message["usage"] = messagesUsage(*u, 1)
	}
	f.head = append(f.head, event("message_start", object{"message": message}), event("ping", object{}))
	index := 0
	begin := func(block object) string {
		return event("content_block_start", object{"index": index, "content_block": block})
	}
	delta := func(kind, name, text string) string {
		return event("content_block_delta", object{"index": index, "delta": object{"type": kind, name: text}})
	}
	end := func() string {
		index++
		return event("content_block_stop", object{"index": index - 1})
	}
	if a.Thinking != "" {
		f.head = append(f.head, begin(object{"type": "thinking", "thinking": "", "signature": ""}),
			delta("thinking_delta", "thinking", a.Thinking), delta("signature_delta", "signature", "c2lnbmVk"), end())
	}
	if len(a.pieces()) > 0 {
		f.head = append(f.head, begin(object{"type": "text", "text": ""}))
		for _, piece := range a.pieces() {
			f.pieces = append(f.pieces, delta("text_delta", "text", piece))
		}
		f.tail = append(f.tail, end())
	}
	for _, c := range a.Tools {
		f.tail = append(f.tail, begin(object{"type": "tool_use", "id": c.ID, "name": c.Name, "input": object{}}))
		for _, piece := range c.argumentPieces() {
			f.tail = append(f.tail, delta("input_json_delta", "partial_json", piece))
		}
		f.tail = append(f.tail, end())
	}
	last := object{"delta": object{"stop_reason": w.reason(a), "stop_sequence": nil}}
	if u := a.usage(); u != nil {
		last["usage"] = object{"output_tokens": u.Output}
	}
	f.tail = append(f.tail, event("message_delta", last), event("message_stop", object{}))
	return f
}

func (messagesWire) failure() string {
	return `{"type":"error","error":{"type":"api_error","message":"The fake provider fails."}}`
}

func (w messagesWire) failureFrame() string { return "event: error\ndata: " + w.failure() + "\n\n" }

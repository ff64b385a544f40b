package providertest

import (
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// responsesWire is OpenAI's responses.
type responsesWire struct{ eventStream }

const responseID = "resp_fake"

func (responsesWire) response(r *Request, status string, output []object) object {
	return object{
		"id": responseID, "object": "response", "created_at": 1767225600, "model": r.Model, "status": status,
		"error": nil, "incomplete_details": nil, "instructions": nil, "metadata": object{}, "output": output,
		"parallel_tool_calls": true, "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto", "tools": []object{},
		"store": false,
	}
}

func (w responsesWire) ended(r *Request, a Answer) object {
	body := w.response(r, "completed", w.items(a))
	switch a.finish() {
	case string(llm.StopLength):
		body["status"], body["incomplete_details"] = "incomplete", object{"reason": "max_output_tokens"}
	case string(llm.StopFilter):
		body["status"], body["incomplete_details"] = "incomplete", object{"reason": "content_filter"}
	}
	if u := a.usage(); u != nil {
		input := u.Input + u.CachedInput + u.CacheWrite
		body["usage"] = object{
			"input_tokens": input, "output_tokens": u.Output, "total_tokens": input + u.Output,
			"input_tokens_details":  object{"cached_tokens": u.CachedInput, "cache_write_tokens": u.CacheWrite},
			"output_tokens_details": object{"reasoning_tokens": u.Reasoning},
		}
	}
	return body
}

func textContent(text string) object {
	return object{"type": "output_text", "text": text, "annotations": []object{}, "logprobs": []object{}}
}

func messageItem(status string, content ...object) object {
	if content == nil {
		content = []object{}
	}
	return object{"id": "msg_fake", "type": "message", "role": "assistant", "status": status, "content": content}
}

func thoughtItem(parts ...object) object {
	if parts == nil {
		parts = []object{}
	}
	return object{"id": "rs_fake", "type": "reasoning", "summary": parts, "encrypted_content": "c2VhbGVk"}
}

func summary(text string) object { return object{"type": "summary_text", "text": text} }

func callItem(c ToolCall, status, arguments string) object {
	return object{"id": "fc_" + c.ID, "type": "function_call", "call_id": c.ID, "name": c.Name, "arguments": arguments, "status": status}
}

func (responsesWire) items(a Answer) []object {
	items := []object{}
	if a.Thinking != "" {
		items = append(items, thoughtItem(summary(a.Thinking)))
	}
	if a.text() != "" {
		items = append(items, messageItem("completed", textContent(a.text())))
	}
	for _, c := range a.Tools {
		items = append(items, callItem(c, "completed", c.Arguments))
	}
	return items
}

func (w responsesWire) whole(r *Request, a Answer) string { return toJSON(w.ended(r, a)) }

func (w responsesWire) stream(r *Request, a Answer) frames {
	var f frames
	sequence := -1
	event := func(kind string, body object) string {
		sequence++
		body["type"], body["sequence_number"] = kind, sequence
		return "event: " + kind + "\ndata: " + toJSON(body) + "\n\n"
	}
	begun := w.response(r, "in_progress", []object{})
	f.head = append(f.head, event("response.created", object{"response": begun}), event("response.in_progress", object{"response": begun}))
	index := 0
	item := func(kind string, of object) string {
		return event("response.output_item."+kind, object{"output_index": index, "item": of})
	}
	about := func(kind, id string, more object) string {
		more["output_index"], more["item_id"] = index, id
		return event(kind, more)
	}
	if a.Thinking != "" {
		about := func(kind string, more object) string {
			more["summary_index"] = 0
			return about("response.reasoning_summary_"+kind, "rs_fake", more)
		}
		f.head = append(f.head, item("added", thoughtItem()), about("part.added", object{"part": summary("")}),
			about("text.delta", object{"delta": a.Thinking}), about("text.done", object{"text": a.Thinking}),
			about("part.done", object{"part": summary(a.Thinking)}), item("done", thoughtItem(summary(a.Thinking))))
		index++
	}
	if len(a.pieces()) > 0 {
		about := func(kind string, more object) string {
			more["content_index"] = 0
			return about("response."+kind, "msg_fake", more)
		}
		f.head = append(f.head, item("added", messageItem("in_progress")), about("content_part.added", object{"part": textContent("")}))
		for _, piece := range a.pieces() {
			f.pieces = append(f.pieces, about("output_text.delta", object{"delta": piece, "logprobs": []object{}}))
		}
		f.tail = append(f.tail, about("output_text.done", object{"text": a.text(), "logprobs": []object{}}),
			about("content_part.done", object{"part": textContent(a.text())}), item("done", messageItem("completed", textContent(a.text()))))
		index++
	}
	for _, c := range a.Tools {
		f.tail = append(f.tail, item("added", callItem(c, "in_progress", "")))
		for _, piece := range c.argumentPieces() {
			f.tail = append(f.tail, about("response.function_call_arguments.delta", "fc_"+c.ID, object{"delta": piece}))
		}
		f.tail = append(f.tail, about("response.function_call_arguments.done", "fc_"+c.ID, object{"arguments": c.Arguments, "name": c.Name}),
			item("done", callItem(c, "completed", c.Arguments)))
		index++
	}
	last := w.ended(r, a)
	kind := "response.completed"
	if last["status"] == "incomplete" {
		kind = "response.incomplete"
	}
	f.tail = append(f.tail, event(kind, object{"response": last}))
	return f
}

func (responsesWire) failure() string {
	return `{"error":{"message":"The fake provider fails.","type":"server_error","code":"fake"}}`
}

func (responsesWire) failureFrame() string {
	return `event: error` + "\n" + `data: {"type":"error","code":"server_error","message":"The fake provider fails.","param":null,"sequence_number":99}` + "\n\n"
}

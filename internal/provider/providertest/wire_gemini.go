package providertest

import (
	"encoding/json"
	"regexp"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// geminiWire is Google's generateContent. It has neither the model nor whether the
// answer is streamed in the body, no mark of the end, and calls of tools whole.
type geminiWire struct{ eventStream }

var geminiPath = regexp.MustCompile(`/models/([^/:]+):(generateContent|streamGenerateContent)$`)

func (geminiWire) response(r *Request, a Answer, parts []object, finish string) object {
	candidate := object{"index": 0, "content": object{"role": "model", "parts": parts}}
	if finish != "" {
		candidate["finishReason"] = finish
	}
	body := object{"responseId": "gemini-fake", "modelVersion": r.Model, "candidates": []object{candidate}}
	if u := a.usage(); u != nil {
		prompt := u.Input + u.CachedInput + u.CacheWrite
		body["usageMetadata"] = object{
			"promptTokenCount": prompt, "cachedContentTokenCount": u.CachedInput, "thoughtsTokenCount": u.Reasoning,
			"candidatesTokenCount": u.Output - u.Reasoning, "totalTokenCount": prompt + u.Output,
		}
	}
	return body
}

// counted: nothing is told of what was written to a cache.
func (geminiWire) counted(u llm.Usage) llm.Usage {
	u.Input, u.CacheWrite = u.Input+u.CacheWrite, 0
	return u
}

func (geminiWire) reason(a Answer) string {
	switch a.finish() {
	case string(llm.StopLength):
		return "MAX_TOKENS"
	case string(llm.StopFilter):
		return "SAFETY"
	}
	return "STOP"
}

func (geminiWire) calls(a Answer) (parts []object) {
	for _, c := range a.Tools {
		call := object{"name": c.Name, "args": json.RawMessage(c.Arguments)}
		if c.ID != "" {
			call["id"] = c.ID
		}
		parts = append(parts, object{"functionCall": call, "thoughtSignature": "c2lnbmVk"})
	}
	return parts
}

func (w geminiWire) whole(r *Request, a Answer) string {
	parts := []object{}
	if a.Thinking != "" {
		parts = append(parts, object{"text": a.Thinking, "thought": true})
	}
	for _, piece := range a.pieces() {
		parts = append(parts, object{"text": piece})
	}
	return toJSON(w.response(r, a, append(parts, w.calls(a)...), w.reason(a)))
}

func (w geminiWire) stream(r *Request, a Answer) frames {
	var f frames
	event := func(finish string, parts ...object) string {
		return w.frame(toJSON(w.response(r, a, append([]object{}, parts...), finish)))
	}
	f.head = append(f.head, event("", object{"text": ""}))
	if a.Thinking != "" {
		f.head = append(f.head, event("", object{"text": a.Thinking, "thought": true}))
	}
	for _, piece := range a.pieces() {
		f.pieces = append(f.pieces, event("", object{"text": piece}))
	}
	for _, call := range w.calls(a) {
		f.tail = append(f.tail, event("", call))
	}
	f.tail = append(f.tail, event(w.reason(a), object{"text": ""}))
	return f
}

func (geminiWire) failure() string {
	return `{"error":{"code":503,"message":"The fake provider fails.","status":"UNAVAILABLE"}}`
}

func (w geminiWire) failureFrame() string { return w.frame(w.failure()) }

package providertest

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// converseWire is AWS Bedrock's Converse. It has neither the model nor whether the
// answer is streamed in the body; its streams are binary.
type converseWire struct{}

var conversePath = regexp.MustCompile(`/model/([^/]+)/(converse|converse-stream)$`)

// converseModel is the model that a path names, as it was before it was escaped.
func converseModel(path string) string {
	model, err := url.PathUnescape(conversePath.FindStringSubmatch(path)[1])
	if err != nil {
		return ""
	}
	return model
}

func (converseWire) streamType() string { return "application/vnd.amazon.eventstream" }

// counted: what was thought is not told apart.
func (converseWire) counted(u llm.Usage) llm.Usage {
	u.Reasoning = 0
	return u
}

func (converseWire) reason(a Answer) string {
	switch a.finish() {
	case string(llm.StopLength):
		return "max_tokens"
	case string(llm.StopTools):
		return "tool_use"
	case string(llm.StopFilter):
		return "content_filtered"
	}
	return "end_turn"
}

func (converseWire) usage(u llm.Usage) object {
	return object{
		"inputTokens": u.Input, "outputTokens": u.Output, "totalTokens": u.Input + u.Output + u.CachedInput + u.CacheWrite,
		"cacheReadInputTokens": u.CachedInput, "cacheWriteInputTokens": u.CacheWrite,
	}
}

func (w converseWire) whole(_ *Request, a Answer) string {
	content := []object{}
	if a.Thinking != "" {
		content = append(content, object{"reasoningContent": object{"reasoningText": object{"text": a.Thinking, "signature": "c2lnbmVk"}}})
	}
	if a.text() != "" {
		content = append(content, object{"text": a.text()})
	}
	for _, c := range a.Tools {
		content = append(content, object{"toolUse": object{"toolUseId": c.ID, "name": c.Name, "input": json.RawMessage(c.Arguments)}})
	}
	body := object{
		"output":  object{"message": object{"role": "assistant", "content": content}},
		"metrics": object{"latencyMs": 1}, "stopReason": w.reason(a),
	}
	if u := a.usage(); u != nil {
		body["usage"] = w.usage(*u)
	}
	return toJSON(body)
}

// message is one message of the binary stream.
func (converseWire) message(kind, name, data string) string {
	headers := eventstream.Headers{}
	headers.Set(":message-type", eventstream.StringValue(kind))
	headers.Set(":"+kind+"-type", eventstream.StringValue(name))
	headers.Set(":content-type", eventstream.StringValue("application/json"))
	var out bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&out, eventstream.Message{Headers: headers, Payload: []byte(data)}); err != nil {
		panic(err) // the headers are short, and a buffer takes all
	}
	return out.String()
}

func (w converseWire) frame(data string) string { return w.message("event", "contentBlockDelta", data) }

func (w converseWire) stream(_ *Request, a Answer) frames {
	var f frames
	event := func(kind string, body object) string {
		body["p"] = "abcdefgh" // what hides the lengths of texts
		return w.message("event", kind, toJSON(body))
	}
	f.head = append(f.head, event("messageStart", object{"role": "assistant"}))
	index := 0
	delta := func(delta object) string {
		return event("contentBlockDelta", object{"contentBlockIndex": index, "delta": delta})
	}
	end := func() string {
		index++
		return event("contentBlockStop", object{"contentBlockIndex": index - 1})
	}
	if a.Thinking != "" {
		f.head = append(f.head, delta(object{"reasoningContent": object{"text": a.Thinking}}),
			delta(object{"reasoningContent": object{"signature": "c2lnbmVk"}}), end())
	}
	if len(a.pieces()) > 0 {
		for _, piece := range a.pieces() {
			f.pieces = append(f.pieces, delta(object{"text": piece}))
		}
		f.tail = append(f.tail, end())
	}
	for _, c := range a.Tools {
		call := object{"toolUse": object{"toolUseId": c.ID, "name": c.Name}}
		f.tail = append(f.tail, event("contentBlockStart", object{"contentBlockIndex": index, "start": call}))
		for _, piece := range c.argumentPieces() {
			f.tail = append(f.tail, delta(object{"toolUse": object{"input": piece}}))
		}
		f.tail = append(f.tail, end())
	}
	f.tail = append(f.tail, event("messageStop", object{"stopReason": w.reason(a)}))
	if u := a.usage(); u != nil {
		f.tail = append(f.tail, event("metadata", object{"usage": w.usage(*u), "metrics": object{"latencyMs": 1}}))
	}
	return f
}

func (converseWire) failure() string {
	return `{"__type":"com.amazon#ServiceUnavailableException","message":"The fake provider fails."}`
}

func (w converseWire) failureFrame() string {
	return w.message("exception", "serviceUnavailableException", `{"message":"The fake provider fails."}`)
}

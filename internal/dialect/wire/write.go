package wire

import (
	"bytes"
	"encoding/json"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Marshal writes what has a JSON by its type: strings, numbers, JSON that was
// parsed before, and structs of them. Unlike json.Marshal it leaves <, > and & as
// they are, so that what is sent can be compared with what came.
func Marshal(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("dialect: a value has no JSON: " + err.Error())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// Present returns the JSON of v with the changes made since, nil when v is absent
// or null.
func Present(v llm.Value) json.RawMessage {
	if v.IsNull() {
		return nil
	}
	return v.JSON()
}

// AppendEvent adds a server-sent event; name is "" where the dialect has none. JSON
// that a provider wrote over several lines needs a field name before each.
func AppendEvent(frames []byte, name string, json []byte) []byte {
	if name != "" {
		frames = append(append(append(frames, "event: "...), name...), '\n')
	}
	for more := true; more; {
		end := bytes.IndexAny(json, "\r\n")
		line := json
		if more = end >= 0; more {
			line, json = json[:end], json[end+1:]
		}
		frames = append(append(append(frames, "data: "...), line...), '\n')
	}
	return append(frames, '\n')
}

// Done is the event that ends a stream of OpenAI's older APIs.
const Done = "data: [DONE]\n\n"

// Failure is the error object of OpenAI's APIs.
type Failure struct {
	Message string         `json:"message"`
	Type    string         `json:"type"`
	Code    sallyport.Code `json:"code"`
	Param   *string        `json:"param"` // always null, which OpenAI's description demands
}

// FailureOf is what ends a stream that has begun.
func FailureOf(e sallyport.Error) Failure {
	kind := "server_error"
	if e.Code == sallyport.PromptTooLong {
		kind = "invalid_request_error"
	}
	return Failure{Message: e.Message, Type: kind, Code: e.Code}
}

// AppendFailure adds what ends a stream of these APIs that has begun: an event
// named error, as clients of the documented API know it, and Done; that only for
// an answer whose end is in the trail.
func AppendFailure(frames []byte, e sallyport.Error) []byte {
	var body struct {
		Error Failure `json:"error"`
	}
	body.Error = FailureOf(e)
	frames = AppendEvent(frames, "error", Marshal(body))
	if e.Code != sallyport.AuditUnavailable {
		frames = append(frames, Done...)
	}
	return frames
}

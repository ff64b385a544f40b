package chat

import (
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The fields that are read in the objects of a conversation; see requestFields.
var (
	messageFields  = []string{"role", "content", "tool_calls", "tool_call_id", "function_call", "refusal", "reasoning_content", "reasoning"}
	blockFields    = []string{"type", "text", "image_url", "refusal"}
	imageFields    = []string{"url"}
	fileFields     = []string{"file_data", "filename", "file_id"}
	toolCallFields = []string{"id", "type", "function"}
	callFields     = []string{"name", "arguments"}
)

// wrong is the error for the value v, at that member when there is one.
func wrong(v llm.Value, member, must string) error {
	place := v.Path()
	if member != "" && place != "" {
		member = "." + member
	}
	return invalidBody(place + member + " " + must + ".")
}

// messages reads the conversation. System texts that open it are the request's
// System; later ones keep their place.
func (d *decoder) messages(root llm.Value) error {
	list := root.Get("messages")
	if list.Kind() != llm.Array || list.Len() == 0 {
		return invalidBody("messages must be an array with at least one message.")
	}
	d.req.Messages = make([]llm.Message, 0, list.Len())
	var err error
	list.Items(func(_ int, item llm.Value) bool {
		var m llm.Message
		if m, err = message(item); err != nil {
			return false
		}
		if m.Role == llm.RoleSystem && len(d.req.Messages) == 0 {
			d.req.System = append(d.req.System, m.Parts...)
		} else {
			d.req.Messages = append(d.req.Messages, m)
		}
		return true
	})
	return err
}

func message(v llm.Value) (llm.Message, error) {
	if v.Kind() != llm.Object {
		return llm.Message{}, wrong(v, "", "must be an object")
	}
	if err := noTwin(v, messageFields...); err != nil {
		return llm.Message{}, err
	}
	parts, err := content(v)
	if err != nil {
		return llm.Message{}, err
	}
	switch v.Get("role").Text() {
	case "system", "developer":
		return llm.Message{Role: llm.RoleSystem, Parts: parts}, nil
	case "user":
		return llm.Message{Role: llm.RoleUser, Parts: parts}, nil
	case "assistant":
		parts, err = assistant(v, parts)
		return llm.Message{Role: llm.RoleAssistant, Parts: parts}, err
	case "tool":
		id := v.Get("tool_call_id")
		if id.Text() == "" {
			return llm.Message{}, wrong(v, "tool_call_id", "must name the call that is answered")
		}
		return llm.Message{Role: llm.RoleTool, Parts: []llm.Part{
			{Kind: llm.ToolResultPart, Raw: v, ToolID: id, Parts: parts},
		}}, nil
	}
	return llm.Message{}, wrong(v, "role", "must be system, developer, user, assistant or tool")
}

// content reads what a message says: a string, blocks, or nothing.
func content(m llm.Value) ([]llm.Part, error) {
	v := m.Get("content")
	switch v.Kind() {
	case llm.Missing, llm.Null:
		return nil, nil
	case llm.String:
		return []llm.Part{{Kind: llm.TextPart, Raw: v, Text: v}}, nil
	case llm.Array:
		parts := make([]llm.Part, 0, v.Len())
		var err error
		v.Items(func(_ int, item llm.Value) bool {
			var p llm.Part
			if p, err = block(item); err != nil {
				return false
			}
			parts = append(parts, p)
			return true
		})
		return parts, err
	}
	return nil, wrong(v, "", "must be a string, an array of parts or null")
}

func block(v llm.Value) (llm.Part, error) {
	if v.Kind() != llm.Object {
		return llm.Part{}, wrong(v, "", "must be an object")
	}
	if err := noTwin(v, blockFields...); err != nil {
		return llm.Part{}, err
	}
	kind := v.Get("type")
	if kind.Text() == "" {
		return llm.Part{}, wrong(v, "type", "must be a string")
	}
	part := llm.Part{Kind: llm.OtherPart, Raw: v}
	switch kind.Text() {
	case "text":
		part.Kind, part.Text = llm.TextPart, v.Get("text")
		return part, needString(v, "text")
	case "refusal":
		part.Kind, part.Text = llm.RefusalPart, v.Get("refusal")
		return part, needString(v, "refusal")
	case "image_url":
		return image(part)
	case "file":
		return file(part)
	case "thinking":
		part.Kind = llm.ThinkingPart
	}
	return part, nil
}

// file takes a document by its bytes. One by its id is known to its provider alone.
func file(part llm.Part) (llm.Part, error) {
	f := part.Raw.Get("file")
	if err := noTwin(f, fileFields...); err != nil {
		return part, err
	}
	if data := f.Get("file_data"); data.Kind() == llm.String {
		part.Kind, part.URL, part.Name = llm.FilePart, data, f.Get("filename")
	}
	return part, nil
}

// image takes the address as an object's url, or bare, as some clients send it.
func image(part llm.Part) (llm.Part, error) {
	part.Kind, part.URL = llm.ImagePart, part.Raw.Get("image_url")
	if part.URL.Kind() == llm.String {
		return part, nil
	}
	if err := noTwin(part.URL, imageFields...); err != nil {
		return part, err
	}
	part.URL = part.URL.Get("url")
	if part.URL.Kind() != llm.String {
		return part, wrong(part.Raw, "image_url.url", "must be a string")
	}
	return part, nil
}

func needString(v llm.Value, member string) error {
	if v.Get(member).Kind() != llm.String {
		return wrong(v, member, "must be a string")
	}
	return nil
}

// assistant adds to what an assistant's message says its reasoning, which
// stands before the text, its refusal and its calls of tools.
func assistant(m llm.Value, parts []llm.Part) ([]llm.Part, error) {
	if thought := reasoning(m); thought.Text() != "" {
		parts = append([]llm.Part{{Kind: llm.ThinkingPart, Raw: thought, Text: thought}}, parts...)
	}
	if refusal := m.Get("refusal"); !refusal.IsNull() {
		if err := needString(m, "refusal"); err != nil {
			return nil, err
		}
		parts = append(parts, llm.Part{Kind: llm.RefusalPart, Raw: refusal, Text: refusal})
	}
	if audio := m.Get("audio"); !audio.IsNull() {
		parts = append(parts, llm.Part{Kind: llm.OtherPart, Raw: audio})
	}
	if call := m.Get("function_call"); !call.IsNull() {
		part, err := functionCall(call, call)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	calls := m.Get("tool_calls")
	if !calls.IsNull() && calls.Kind() != llm.Array {
		return nil, wrong(calls, "", "must be an array")
	}
	var err error
	calls.Items(func(_ int, call llm.Value) bool {
		var part llm.Part
		part, err = toolCall(call)
		parts = append(parts, part)
		return err == nil
	})
	return parts, err
}

// reasoning returns the reasoning text of a message or a delta under the name
// that its provider uses.
func reasoning(m llm.Value) llm.Value {
	if v := m.Get("reasoning_content"); v.Kind() == llm.String {
		return v
	}
	return m.Get("reasoning")
}

// toolCall reads a call. One that is not of a function can only go back to
// where it came from.
func toolCall(v llm.Value) (llm.Part, error) {
	if v.Kind() != llm.Object {
		return llm.Part{}, wrong(v, "", "must be an object")
	}
	if err := noTwin(v, toolCallFields...); err != nil {
		return llm.Part{}, err
	}
	if err := needString(v, "id"); err != nil {
		return llm.Part{}, err
	}
	if !function(v) {
		return llm.Part{Kind: llm.OtherPart, Raw: v}, nil
	}
	part, err := functionCall(v, v.Get("function"))
	part.ToolID = v.Get("id")
	return part, err
}

// function says whether a tool or a call is of the type function, which is what
// a missing type means.
func function(v llm.Value) bool {
	kind := v.Get("type")
	return kind.IsNull() || kind.Text() == "function"
}

func functionCall(raw, call llm.Value) (llm.Part, error) {
	if call.Kind() != llm.Object {
		return llm.Part{}, wrong(raw, "function", "must be an object")
	}
	if err := noTwin(call, callFields...); err != nil {
		return llm.Part{}, err
	}
	if call.Get("name").Text() == "" {
		return llm.Part{}, wrong(call, "name", "must be a string")
	}
	if err := needString(call, "arguments"); err != nil {
		return llm.Part{}, err
	}
	return llm.Part{Kind: llm.ToolCallPart, Raw: raw, ToolName: call.Get("name"), Text: call.Get("arguments")}, nil
}

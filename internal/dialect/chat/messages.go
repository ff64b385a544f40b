package chat

import (
	"slices"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
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

// messages reads the conversation. System texts that open it are the request's
// System; later ones keep their place.
func (d *decoder) messages(root llm.Value) error {
	list := root.Get("messages")
	if list.Kind() != llm.Array || list.Len() == 0 {
		return wire.Invalid("messages must be an array with at least one message.")
	}
	d.req.Messages = make([]llm.Message, 0, list.Len())
	var err error
	list.Items(func(_ int, item llm.Value) bool {
		var m llm.Message
		if m, err = message(item); err != nil {
			return false
		}
		for _, p := range m.Parts {
			if p.Proof != "" && p.Text.Exists() {
				d.req.Signed = append(d.req.Signed, reasoning(item)) // of which all are pieces
				break
			}
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
	if err := wire.Object(v, messageFields...); err != nil {
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
			return llm.Message{}, wire.Wrong(v, "tool_call_id", "must name the call that is answered")
		}
		return llm.Message{Role: llm.RoleTool, Parts: []llm.Part{
			{Kind: llm.ToolResultPart, Raw: v, ToolID: id, Parts: parts},
		}}, nil
	case "function": // what answered a call by the older field functions, which no other dialect has
		return llm.Message{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.OtherPart, Raw: v}}}, wire.NeedString(v, "name")
	}
	return llm.Message{}, wire.Wrong(v, "role", "must be system, developer, user, assistant, tool or function")
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
		return wire.All(v, block)
	}
	return nil, wire.Wrong(v, "", "must be a string, an array of parts or null")
}

func block(v llm.Value) (llm.Part, error) {
	if err := wire.Object(v, blockFields...); err != nil {
		return llm.Part{}, err
	}
	kind := v.Get("type")
	if kind.Text() == "" {
		return llm.Part{}, wire.Wrong(v, "type", "must be a string")
	}
	part := llm.Part{Kind: llm.OtherPart, Raw: v}
	switch kind.Text() {
	case "text":
		part.Kind, part.Text = llm.TextPart, v.Get("text")
		return part, wire.NeedString(v, "text")
	case "refusal":
		part.Kind, part.Text = llm.RefusalPart, v.Get("refusal")
		return part, wire.NeedString(v, "refusal")
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
	if err := wire.NoTwin(f, fileFields...); err != nil {
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
	if err := wire.NoTwin(part.URL, imageFields...); err != nil {
		return part, err
	}
	part.URL = part.URL.Get("url")
	if part.URL.Kind() != llm.String {
		return part, wire.Wrong(part.Raw, "image_url.url", "must be a string")
	}
	return part, nil
}

// assistant adds to what an assistant's message says its reasoning, which
// stands before the text, its refusal and its calls of tools.
func assistant(m llm.Value, parts []llm.Part) ([]llm.Part, error) {
	parts = append(thoughts(m), parts...)
	if refusal := m.Get("refusal"); !refusal.IsNull() {
		if err := wire.NeedString(m, "refusal"); err != nil {
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
		return nil, wire.Wrong(calls, "", "must be an array")
	}
	err := wire.Each(calls, func(v llm.Value) error {
		made, err := toolCall(v)
		if proof := callProof(v); proof != "" { // stands before the call, as elsewhere
			parts = append(parts, llm.Part{Kind: llm.ThinkingPart, Raw: v, Proof: proof})
		}
		parts = append(parts, made)
		return err
	})
	return parts, err
}

// thoughts are a message's reasoning in the order of their proofs: pieces of its text, each with a
// proof, and what nobody may read. A text without proofs of pieces has one proof, the last, or none.
func thoughts(m llm.Value) (parts []llm.Part) {
	whole := llm.Part{Kind: llm.ThinkingPart, Raw: reasoning(m), Text: reasoning(m)}
	text := whole.Text.Text()
	at, end, pieces := 0, 0, false
	m.Get("reasoning_details").Items(func(_ int, detail llm.Value) bool {
		data := detail.Get("data").Text()
		cut, isPiece := wire.CutOf(data)
		switch {
		case !wire.IsProof(data):
		case wire.IsRedacted(data):
			parts = append(parts, llm.Part{Kind: llm.ThinkingPart, Raw: detail, Proof: data})
		case !isPiece:
			whole.Proof, at = data, len(parts)
		case cut.From >= end: // pieces follow each other: many that overlap would be more than the request
			piece, ok := pieceOf(text, cut)
			if !ok {
				break
			}
			end, pieces = cut.From+cut.Length, true
			parts = append(parts, llm.Part{Kind: llm.ThinkingPart, Raw: detail, Text: piece, Proof: data})
		}
		return true
	})
	if whole.Proof != "" || text != "" && !pieces {
		parts = slices.Insert(parts, at, whole)
	}
	return parts
}

// pieceOf is a text of its own: what is signed leaves as it came or not at all, so that no
// change of the whole is missed.
func pieceOf(text string, cut wire.Cut) (piece llm.Value, ok bool) {
	said, ok := cut.Of(text)
	if !ok {
		return piece, false
	}
	doc, err := llm.Parse(llm.Quote(said))
	if err != nil {
		return piece, false
	}
	return doc.Root(), true
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
	if err := wire.Object(v, toolCallFields...); err != nil {
		return llm.Part{}, err
	}
	if err := wire.NeedString(v, "id"); err != nil {
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
		return llm.Part{}, wire.Wrong(raw, "function", "must be an object")
	}
	if err := wire.NoTwin(call, callFields...); err != nil {
		return llm.Part{}, err
	}
	if call.Get("name").Text() == "" {
		return llm.Part{}, wire.Wrong(call, "name", "must be a string")
	}
	if err := wire.NeedString(call, "arguments"); err != nil {
		return llm.Part{}, err
	}
	return llm.Part{Kind: llm.ToolCallPart, Raw: raw, ToolName: call.Get("name"), Text: call.Get("arguments")}, nil
}

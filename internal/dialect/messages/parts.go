package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The fields that are read in the objects of a conversation; see requestFields.
var (
	messageFields = []string{"role", "content"}
	blockFields   = []string{
		"type", "text", "source", "title", "id", "name", "input", "tool_use_id", "content", "is_error", "thinking", "signature",
	}
	sourceFields = []string{"type", "media_type", "data", "url"}
)

func (d *decoder) system(root llm.Value) error {
	parts, err := d.content(root.Get("system"))
	d.req.System = parts
	return err
}

// messages reads the conversation. The results of tools, which stand in a user's
// turn here, become a message of the tools before it, as in other dialects.
func (d *decoder) messages(root llm.Value) error {
	list := root.Get("messages")
	if list.Kind() != llm.Array || list.Len() == 0 {
		return wire.Invalid("messages must be an array with at least one message.")
	}
	d.req.Messages = make([]llm.Message, 0, list.Len())
	return wire.Each(list, d.message)
}

func (d *decoder) message(v llm.Value) error {
	if err := wire.Object(v, messageFields...); err != nil {
		return err
	}
	if v.Get("content").IsNull() {
		return wire.Wrong(v, "content", "must be a string or an array of blocks")
	}
	parts, err := d.content(v.Get("content"))
	if err != nil {
		return err
	}
	switch role := llm.Role(v.Get("role").Text()); role {
	case llm.RoleAssistant, llm.RoleSystem: // clients send system texts in the middle too
		d.req.Messages = append(d.req.Messages, llm.Message{Role: role, Parts: parts})
		return nil
	case llm.RoleUser:
		d.user(parts)
		return nil
	}
	return wire.Wrong(v, "role", "must be user, assistant or system")
}

// user adds a user's turn.
func (d *decoder) user(parts []llm.Part) {
	var results, said []llm.Part
	for _, p := range parts {
		if p.Kind == llm.ToolResultPart {
			results = append(results, p)
		} else {
			said = append(said, p)
		}
	}
	if len(results) > 0 {
		d.req.Messages = append(d.req.Messages, llm.Message{Role: llm.RoleTool, Parts: results})
	}
	if len(said) > 0 || len(results) == 0 {
		d.req.Messages = append(d.req.Messages, llm.Message{Role: llm.RoleUser, Parts: said})
	}
}

// content reads a string or blocks.
func (d *decoder) content(v llm.Value) ([]llm.Part, error) {
	switch v.Kind() {
	case llm.Missing, llm.Null:
		return nil, nil
	case llm.String:
		return []llm.Part{{Kind: llm.TextPart, Raw: v, Text: v}}, nil
	case llm.Array:
		return wire.All(v, d.block)
	}
	return nil, wire.Wrong(v, "", "must be a string or an array of blocks")
}

// block reads a block. One of a type that is not known here, such as what the
// provider's own tools did, can only go back to where it came from.
func (d *decoder) block(v llm.Value) (llm.Part, error) {
	part := llm.Part{Kind: llm.OtherPart, Raw: v}
	if err := wire.Object(v, blockFields...); err != nil {
		return part, err
	}
	kind := v.Get("type").Text()
	if kind == "" {
		return part, wire.Wrong(v, "type", "must be a string")
	}
	switch kind {
	case "text":
		part.Kind, part.Text = llm.TextPart, v.Get("text")
		return part, wire.NeedString(v, "text")
	case "image":
		part.Kind = llm.ImagePart
		return part, d.source(&part)
	case "document":
		part.Kind, part.Name = llm.FilePart, v.Get("title")
		return part, d.source(&part)
	case "tool_use":
		return toolUse(part)
	case "tool_result":
		return d.toolResult(part)
	case "thinking":
		part.Kind, part.Text = llm.ThinkingPart, v.Get("thinking")
		if signature := v.Get("signature").Text(); signature != "" {
			d.req.Signed = append(d.req.Signed, part.Text)
			part.Proof = signature
		}
		return part, wire.NeedString(v, "thinking")
	case "redacted_thinking":
		part.Kind, part.Proof = llm.ThinkingPart, v.Get("data").Text()
	}
	return part, nil
}

// source reads where the bytes of an image or a document are. What only this
// dialect has a source for becomes an OtherPart: a file that the provider keeps, a
// document made of blocks.
func (d *decoder) source(part *llm.Part) error {
	source := part.Raw.Get("source")
	if source.Kind() != llm.Object {
		return wire.Wrong(part.Raw, "source", "must be an object")
	}
	if err := wire.NoTwin(source, sourceFields...); err != nil {
		return err
	}
	switch source.Get("type").Text() {
	case "base64":
		part.Data, part.MediaType = source.Get("data"), source.Get("media_type").Text()
		if part.MediaType == "" {
			return wire.Wrong(source, "media_type", "must be a string")
		}
		return wire.NeedString(source, "data")
	case "url":
		part.URL = source.Get("url")
		return wire.NeedString(source, "url")
	case "text":
		part.Kind, part.Text = llm.TextPart, source.Get("data")
		return wire.NeedString(source, "data")
	}
	part.Kind = llm.OtherPart
	return nil
}

// toolUse reads a call. Its arguments are an object here.
func toolUse(part llm.Part) (llm.Part, error) {
	v := part.Raw
	for _, member := range []string{"id", "name"} {
		if v.Get(member).Text() == "" {
			return part, wire.Wrong(v, member, "must be a string")
		}
	}
	input := v.Get("input")
	if input.Kind() != llm.Object {
		return part, wire.Wrong(v, "input", "must be an object")
	}
	part.Kind, part.ToolID, part.ToolName, part.Text = llm.ToolCallPart, v.Get("id"), v.Get("name"), input.AsText()
	return part, nil
}

func (d *decoder) toolResult(part llm.Part) (llm.Part, error) {
	v := part.Raw
	if v.Get("tool_use_id").Text() == "" {
		return part, wire.Wrong(v, "tool_use_id", "must name the call that is answered")
	}
	var err error
	if part.IsError, err = wire.Bool(v, "is_error"); err != nil {
		return part, err
	}
	part.Kind, part.ToolID = llm.ToolResultPart, v.Get("tool_use_id")
	part.Parts, err = d.content(v.Get("content"))
	return part, err
}

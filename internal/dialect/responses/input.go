package responses

import (
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The fields that are read in the objects of the input; see requestFields.
var (
	itemFields = []string{"type", "role", "content", "id", "call_id", "name", "arguments", "output", "encrypted_content", "summary"}
	partFields = []string{"type", "text", "refusal", "image_url", "file_id", "file_url", "file_data", "filename"}
)

// input reads the conversation: a text of the user, or items. System texts that
// open it join the instructions; later ones keep their place.
func (d *decoder) input(root llm.Value) error {
	v := root.Get("input")
	switch v.Kind() {
	case llm.String:
		d.say(llm.RoleUser, llm.Part{Kind: llm.TextPart, Raw: v, Text: v})
		return nil
	case llm.Array:
		// OpenAI demands an input, and an empty list beside a conversation is one: it is
		// answered as it stands.
		if v.Len() == 0 && root.Get("conversation").IsNull() {
			return wire.Invalid("input must have at least one item.")
		}
		d.req.Messages = make([]llm.Message, 0, v.Len())
		return wire.Each(v, d.item)
	case llm.Missing, llm.Null:
		return wire.Invalid("input must be a string or an array of items.")
	}
	return wire.Invalid("input must be a string or an array of items.")
}

// say adds parts to the conversation. What an assistant says, thinks and calls
// stands in items that follow each other and is one turn.
func (d *decoder) say(role llm.Role, parts ...llm.Part) {
	last := len(d.req.Messages) - 1
	switch {
	case role == llm.RoleSystem && last < 0:
		d.req.System = append(d.req.System, parts...)
	case role == llm.RoleAssistant && last >= 0 && d.req.Messages[last].Role == role:
		d.req.Messages[last].Parts = append(d.req.Messages[last].Parts, parts...)
	default:
		d.req.Messages = append(d.req.Messages, llm.Message{Role: role, Parts: parts})
	}
}

func (d *decoder) item(v llm.Value) error {
	if err := wire.Object(v, itemFields...); err != nil {
		return err
	}
	if err := mayBe(v, llm.String, "must be a string", "type", "id"); err != nil {
		return err
	}
	switch kind := v.Get("type"); {
	case kind.Text() == "message", kind.IsNull() && v.Get("role").Exists():
		return d.message(v)
	case kind.Text() == "function_call":
		return d.functionCall(v)
	case kind.Text() == "function_call_output":
		return d.functionOutput(v)
	case kind.Text() == "reasoning":
		d.say(llm.RoleAssistant, d.thinking(v))
	case strings.HasSuffix(kind.Text(), "_output"):
		d.say(llm.RoleTool, llm.Part{Kind: llm.OtherPart, Raw: v})
	default:
		d.say(llm.RoleAssistant, llm.Part{Kind: llm.OtherPart, Raw: v})
	}
	return nil
}

// thinking reads reasoning. What a provider of another dialect has signed bears a
// proof of ours, and is one text.
func (d *decoder) thinking(v llm.Value) llm.Part {
	p := llm.Part{Kind: llm.ThinkingPart, Raw: v}
	if sealed := v.Get("encrypted_content").Text(); wire.IsProof(sealed) && v.Get("summary").Len() <= 1 {
		p.Proof = sealed
		v.Get("summary").Items(func(_ int, part llm.Value) bool {
			p.Text = part.Get("text")
			d.req.Signed = append(d.req.Signed, p.Text)
			return true
		})
	}
	return p
}

func (d *decoder) message(v llm.Value) error {
	parts, err := content(v, "content")
	if err != nil {
		return err
	}
	switch v.Get("role").Text() {
	case "system", "developer":
		d.say(llm.RoleSystem, parts...)
	case "user":
		d.say(llm.RoleUser, parts...)
	case "assistant":
		d.say(llm.RoleAssistant, parts...)
	default:
		return wire.Wrong(v, "role", "must be system, developer, user or assistant")
	}
	return nil
}

// content reads what a message says or a tool answers: a string or parts.
func content(item llm.Value, member string) ([]llm.Part, error) {
	switch v := item.Get(member); v.Kind() {
	case llm.String:
		return []llm.Part{{Kind: llm.TextPart, Raw: v, Text: v}}, nil
	case llm.Array:
		return wire.All(v, part)
	}
	return nil, wire.Wrong(item, member, "must be a string or an array of parts")
}

func part(v llm.Value) (llm.Part, error) {
	if err := wire.Object(v, partFields...); err != nil {
		return llm.Part{}, err
	}
	kind := v.Get("type").Text()
	if kind == "" {
		return llm.Part{}, wire.Wrong(v, "type", "must be a string")
	}
	p := llm.Part{Kind: llm.OtherPart, Raw: v}
	switch kind {
	case "input_text", "output_text", "text":
		p.Kind, p.Text = llm.TextPart, v.Get("text")
		return p, wire.NeedString(v, "text")
	case "refusal":
		p.Kind, p.Text = llm.RefusalPart, v.Get("refusal")
		return p, wire.NeedString(v, "refusal")
	case "input_image":
		return image(p)
	case "input_file":
		return file(p)
	}
	return p, nil
}

// image takes an address; an image that the provider keeps under an id is known
// to that provider alone.
func image(p llm.Part) (llm.Part, error) {
	if err := mayBe(p.Raw, llm.String, "must be a string", "image_url", "file_id"); err != nil {
		return p, err
	}
	if address := p.Raw.Get("image_url"); !address.IsNull() {
		p.Kind, p.URL = llm.ImagePart, address
	} else if p.Raw.Get("file_id").IsNull() {
		return p, wire.Wrong(p.Raw, "image_url", "must be a string")
	}
	return p, nil
}

// file takes a document as a data: address, as bare base64 or at its address.
func file(p llm.Part) (llm.Part, error) {
	if err := mayBe(p.Raw, llm.String, "must be a string", "file_data", "file_url", "file_id", "filename"); err != nil {
		return p, err
	}
	data, address := p.Raw.Get("file_data"), p.Raw.Get("file_url")
	p.Name = p.Raw.Get("filename")
	switch {
	case !address.IsNull():
		p.Kind, p.URL = llm.FilePart, address
	case strings.HasPrefix(data.Text(), "data:"):
		p.Kind, p.URL = llm.FilePart, data
	case !data.IsNull():
		p.Kind, p.Data, p.MediaType = llm.FilePart, data, mediaType(p.Name.Text())
	case p.Raw.Get("file_id").IsNull():
		return p, wire.Wrong(p.Raw, "file_data", "must be a string")
	}
	return p, nil
}

// mediaType goes by a file's name, for bare base64 tells no more.
func mediaType(name string) string {
	if strings.HasSuffix(strings.ToLower(name), ".pdf") {
		return "application/pdf"
	}
	return "application/octet-stream"
}

func (d *decoder) functionCall(v llm.Value) error {
	for _, name := range []string{"call_id", "name", "arguments"} {
		if err := wire.NeedString(v, name); err != nil {
			return err
		}
	}
	d.say(llm.RoleAssistant, llm.Part{
		Kind: llm.ToolCallPart, Raw: v, ToolID: v.Get("call_id"), ToolName: v.Get("name"), Text: v.Get("arguments"),
	})
	return nil
}

func (d *decoder) functionOutput(v llm.Value) error {
	if v.Get("call_id").Text() == "" {
		return wire.Wrong(v, "call_id", "must name the call that is answered")
	}
	parts, err := content(v, "output")
	d.say(llm.RoleTool, llm.Part{Kind: llm.ToolResultPart, Raw: v, ToolID: v.Get("call_id"), Parts: parts})
	return err
}

package chat

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The fields that are read in tools and in the choice of one; see requestFields.
var (
	toolFields     = []string{"type", "function"}
	functionFields = []string{"name", "description", "parameters"}
	choiceFields   = []string{"type", "function", "mode"}
)

// tools reads the tools. One of another type than function belongs to the
// provider: it is passed on as it came and has no name here.
func (d *decoder) tools(root llm.Value) error {
	list := root.Get("tools")
	if list.IsNull() {
		return nil
	}
	if list.Kind() != llm.Array {
		return wire.Invalid("tools must be an array.")
	}
	var err error
	d.req.Tools, err = wire.All(list, tool)
	return err
}

func tool(v llm.Value) (llm.Tool, error) {
	if err := wire.Object(v, toolFields...); err != nil {
		return llm.Tool{}, err
	}
	if kind := v.Get("type"); !kind.IsNull() && kind.Text() == "" {
		return llm.Tool{}, wire.Wrong(v, "type", "must be a string")
	}
	if !function(v) {
		return llm.Tool{Raw: v}, nil
	}
	f := v.Get("function")
	if f.Kind() != llm.Object {
		return llm.Tool{}, wire.Wrong(v, "function", "must be an object")
	}
	if err := wire.NoTwin(f, functionFields...); err != nil {
		return llm.Tool{}, err
	}
	if f.Get("name").Text() == "" {
		return llm.Tool{}, wire.Wrong(f, "name", "must be a string")
	}
	t := llm.Tool{Raw: v, Name: f.Get("name"), Description: f.Get("description"), Schema: f.Get("parameters")}
	if !t.Description.IsNull() && t.Description.Kind() != llm.String {
		return t, wire.Wrong(f, "description", "must be a string")
	}
	if !t.Schema.IsNull() && t.Schema.Kind() != llm.Object {
		return t, wire.Wrong(f, "parameters", "must be an object")
	}
	return t, nil
}

// toolChoice reads what the client wants of the tools. The Mode of a choice that
// has no meaning outside this dialect is its type.
func (d *decoder) toolChoice(root llm.Value) error {
	v := root.Get("tool_choice")
	switch v.Kind() {
	case llm.Missing, llm.Null:
		return nil
	case llm.String:
		return d.choiceWord(v)
	case llm.Object:
		return d.choiceObject(v)
	}
	return wire.Invalid("tool_choice must be a string or an object.")
}

func (d *decoder) choiceWord(v llm.Value) error {
	switch word := v.Text(); word {
	case "auto", "none", "required":
		d.req.ToolChoice.Mode = word
	case "any": // Mistral's word
		d.req.ToolChoice.Mode = "required"
	default:
		return wire.Invalid("tool_choice must be auto, none, required or an object that names a tool.")
	}
	return nil
}

func (d *decoder) choiceObject(v llm.Value) error {
	if err := wire.NoTwin(v, choiceFields...); err != nil {
		return err
	}
	kind := v.Get("type").Text()
	if kind == "" {
		return wire.Wrong(v, "type", "must be a string")
	}
	d.req.ToolChoice.Mode = kind
	if kind != "function" {
		return nil
	}
	f := v.Get("function")
	if err := wire.NoTwin(f, "name"); err != nil {
		return err
	}
	if f.Get("name").Text() == "" {
		return wire.Wrong(v, "function.name", "must be a string")
	}
	d.req.ToolChoice = llm.ToolChoice{Mode: "named", Name: f.Get("name")}
	return nil
}

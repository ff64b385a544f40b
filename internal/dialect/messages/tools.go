package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The fields that are read in tools and in the choice of one; see requestFields.
var (
	toolFields   = []string{"type", "name", "description", "input_schema"}
	choiceFields = []string{"type", "name", "disable_parallel_tool_use"}
)

// tools reads the tools. One of another type than custom is run by the provider, or
// is known to its models: it is passed on as it came and has no name here.
func (d *decoder) tools(root llm.Value) error {
	list := root.Get("tools")
	if list.IsNull() {
		return nil
	}
	if list.Kind() != llm.Array {
		return wire.Invalid("tools must be an array.")
	}
	var err error
	d.req.Tools, err = wire.All(list, readTool)
	return err
}

func readTool(v llm.Value) (llm.Tool, error) {
	if err := wire.Object(v, toolFields...); err != nil {
		return llm.Tool{}, err
	}
	if kind := v.Get("type"); !kind.IsNull() && kind.Text() != "custom" {
		return llm.Tool{Raw: v}, wire.NeedString(v, "type")
	}
	t := llm.Tool{Raw: v, Name: v.Get("name"), Description: v.Get("description"), Schema: v.Get("input_schema")}
	switch {
	case t.Name.Text() == "":
		return t, wire.Wrong(v, "name", "must be a string")
	case !t.Description.IsNull() && t.Description.Kind() != llm.String:
		return t, wire.Wrong(v, "description", "must be a string")
	case t.Schema.Kind() != llm.Object:
		return t, wire.Wrong(v, "input_schema", "must be an object")
	}
	return t, nil
}

// toolChoice reads what the client wants of the tools. The Mode of a choice that
// has no meaning outside this dialect is its type.
func (d *decoder) toolChoice(root llm.Value) error {
	v := root.Get("tool_choice")
	if v.IsNull() {
		return nil
	}
	if v.Kind() != llm.Object {
		return wire.Invalid("tool_choice must be an object.")
	}
	if err := wire.NoTwin(v, choiceFields...); err != nil {
		return err
	}
	kind := v.Get("type").Text()
	if kind == "" {
		return wire.Wrong(v, "type", "must be a string")
	}
	d.req.ToolChoice.Mode = kind
	switch kind {
	case "any":
		d.req.ToolChoice.Mode = "required"
	case "tool":
		if v.Get("name").Text() == "" {
			return wire.Wrong(v, "name", "must be a string")
		}
		d.req.ToolChoice = llm.ToolChoice{Mode: "named", Name: v.Get("name")}
	}
	one, err := wire.Bool(v, "disable_parallel_tool_use")
	if one {
		d.req.Settings.ParallelTools = no
	}
	return err
}

// no is the word for what this dialect says the other way round. Nobody edits it.
var no = literal("false")

// literal is a value that is in no body.
func literal(json string) llm.Value {
	doc, err := llm.Parse([]byte(json))
	if err != nil {
		panic("messages: " + err.Error()) // only what is written in this package comes here
	}
	return doc.Root()
}

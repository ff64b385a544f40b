package responses

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The fields that are read in tools and in the choice of one; see requestFields.
var (
	toolFields   = []string{"type", "name", "description", "parameters", "strict"}
	choiceFields = []string{"type", "name", "mode", "tools"}
)

// tools reads the tools. One of another type than function belongs to the
// provider: it is passed on as it came and has no name here.
func (d *decoder) tools(root llm.Value) error {
	if err := mayBe(root, llm.Array, "must be an array", "tools"); err != nil {
		return err
	}
	var err error
	d.req.Tools, err = wire.All(root.Get("tools"), tool)
	return err
}

func tool(v llm.Value) (llm.Tool, error) {
	if err := wire.Object(v, toolFields...); err != nil {
		return llm.Tool{}, err
	}
	switch kind := v.Get("type").Text(); {
	case kind == "":
		return llm.Tool{}, wire.Wrong(v, "type", "must be a string")
	case kind == "mcp" || strings.HasPrefix(kind, "kindo_"):
		return llm.Tool{}, unsupportedTool(v, "tools that the gateway would have to run are not supported")
	case v.Get("container").Get("file_ids").Len() > 0:
		return llm.Tool{}, unsupportedTool(v, "no provider is told of files by their ids")
	case kind != "function":
		return llm.Tool{Raw: v}, nil
	}
	if v.Get("name").Text() == "" {
		return llm.Tool{}, wire.Wrong(v, "name", "must be a string")
	}
	if err := mayBe(v, llm.String, "must be a string", "description"); err != nil {
		return llm.Tool{}, err
	}
	t := llm.Tool{Raw: v, Name: v.Get("name"), Description: v.Get("description"), Schema: v.Get("parameters")}
	return t, mayBe(v, llm.Object, "must be an object", "parameters")
}

func unsupportedTool(v llm.Value, why string) error {
	return sallyport.NewError(sallyport.UnsupportedTool, v.Path()+": "+why+".")
}

// toolChoice reads what the client wants of the tools. The Mode of a choice that
// has no meaning outside this dialect is its type.
func (d *decoder) toolChoice(root llm.Value) error {
	v := root.Get("tool_choice")
	switch v.Kind() {
	case llm.Missing, llm.Null:
		return nil
	case llm.String:
		switch d.req.ToolChoice.Mode = v.Text(); v.Text() {
		case "auto", "none", "required":
			return nil
		}
		return wire.Invalid("tool_choice must be auto, none, required or an object that names a tool.")
	case llm.Object:
		return d.choiceObject(v)
	}
	return wire.Invalid("tool_choice must be a string or an object.")
}

func (d *decoder) choiceObject(v llm.Value) error {
	if err := wire.NoTwin(v, choiceFields...); err != nil {
		return err
	}
	kind := v.Get("type").Text()
	d.req.ToolChoice.Mode = kind
	switch kind {
	case "":
		return wire.Wrong(v, "type", "must be a string")
	case "function":
		if v.Get("name").Text() == "" {
			return wire.Wrong(v, "name", "must be a string")
		}
		d.req.ToolChoice = llm.ToolChoice{Mode: "named", Name: v.Get("name")}
	case "allowed_tools":
		return d.allowed(v)
	}
	return nil
}

// allowed narrows the tools to those that may be called. A provider of this
// dialect gets the list and the choice as they came; in any other a tool that may
// not be called is one that is not offered.
func (d *decoder) allowed(v llm.Value) error {
	mode := v.Get("mode").Text()
	if mode != "auto" && mode != "required" {
		return wire.Wrong(v, "mode", "must be auto or required")
	}
	if v.Get("tools").Kind() != llm.Array {
		return wire.Wrong(v, "tools", "must be an array")
	}
	var names []string
	functions := true
	v.Get("tools").Items(func(_ int, item llm.Value) bool {
		functions = functions && item.Get("type").Text() == "function"
		names = append(names, item.Get("name").Text())
		return true
	})
	if !functions {
		return nil // only its own dialect knows what it means
	}
	d.req.ToolChoice.Mode = mode
	d.req.Tools = slices.DeleteFunc(d.req.Tools, func(t llm.Tool) bool { return !slices.Contains(names, t.Name.Text()) })
	return nil
}

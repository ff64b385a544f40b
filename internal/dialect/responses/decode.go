package responses

import (
	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The fields of a request that this package, or who comes after it, reads. A key
// that differs from one of them in its case alone is refused: a provider that is
// less exact would take it for the field.
var requestFields = []string{
	"model", "input", "instructions", "stream", "store", "background", "previous_response_id", "conversation",
	"max_output_tokens", "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "text", "reasoning",
	"include", "user", "prompt_cache_key", "metadata", "kindo", "litellm_metadata", "proxy_server_request",
}

// Decode reads a request of a client. Every error is *sallyport.Error with
// InvalidBody, UnsupportedField, UnsupportedTool or ExclusiveFields, whose message
// names the field and never quotes a value. The Request keeps body, which must
// not change from now on.
func Decode(body []byte) (*llm.Request, error) { return decode(body, llm.Generate) }

// DecodeCount reads a request to count the tokens of an input, which is that for a
// response. Errors are those of Decode.
func DecodeCount(body []byte) (*llm.Request, error) { return decode(body, llm.CountTokens) }

func decode(body []byte, operation llm.Operation) (*llm.Request, error) {
	doc, err := wire.Body(body)
	if err != nil {
		return nil, err
	}
	root := doc.Root()
	d := decoder{req: &llm.Request{Dialect: llm.Responses, Operation: operation, Body: doc, Choices: 1, UsageAsked: true}}
	for _, step := range []func(llm.Value) error{
		d.keys, d.target, d.state, d.bounds, d.instructions, d.input, d.tools, d.toolChoice, d.settings,
	} {
		if err := step(root); err != nil {
			return nil, err
		}
	}
	d.req.Portable = func() error { return fields.Only(root) }
	d.req.Foreign = func() (*llm.Request, error) { return carried(d.req) }
	return d.req, nil
}

type decoder struct {
	req *llm.Request
}

func (d *decoder) keys(root llm.Value) error {
	return wire.Keys(root, requestFields...)
}

// mayBe says that a member that is there has to be of that kind.
func mayBe(object llm.Value, kind llm.Kind, must string, names ...string) error {
	for _, name := range names {
		if v := object.Get(name); !v.IsNull() && v.Kind() != kind {
			return wire.Wrong(object, name, must)
		}
	}
	return nil
}

func (d *decoder) target(root llm.Value) error {
	d.req.Model = root.Get("model").Text()
	if d.req.Model == "" {
		return wire.Invalid("model must be a string that names a model.")
	}
	if err := mayBe(root, llm.String, "must be a string", "prompt_cache_key", "user", "previous_response_id"); err != nil {
		return err
	}
	d.req.Session = root.Get("prompt_cache_key").Text()
	return nil
}

// state reads what the request wants kept and continued.
func (d *decoder) state(root llm.Value) error {
	for _, name := range []string{"store", "background"} {
		if _, err := wire.Bool(root, name); err != nil {
			return err
		}
	}
	previous, conversation := root.Get("previous_response_id"), root.Get("conversation")
	if !previous.IsNull() && !conversation.IsNull() {
		return sallyport.NewError(sallyport.ExclusiveFields, "previous_response_id and conversation cannot be used together.")
	}
	if id := conversation; !id.IsNull() {
		if id.Kind() == llm.Object {
			if err := wire.NoTwin(id, "id"); err != nil {
				return err
			}
			id = id.Get("id")
		}
		if id.Text() == "" {
			return wire.Invalid("conversation must be the id of a conversation, or an object with it.")
		}
	}
	kindo := root.Get("kindo")
	if !kindo.IsNull() && kindo.Kind() != llm.Object {
		return wire.Invalid("kindo must be an object.")
	}
	if err := wire.NoTwin(kindo, "system_prompt"); err != nil {
		return err
	}
	if prompt := kindo.Get("system_prompt"); !prompt.IsNull() && prompt.Text() != "off" {
		return unsupported("kindo.system_prompt: only off is supported.")
	}
	return nil
}

func (d *decoder) bounds(root llm.Value) (err error) {
	if v := root.Get("max_output_tokens"); !v.IsNull() {
		n, ok := v.Int()
		if !ok || n < 1 {
			return wire.Invalid("max_output_tokens must be a positive whole number.")
		}
		d.req.OutputMax = n
	}
	d.req.Stream, err = wire.Bool(root, "stream")
	if d.req.Operation == llm.CountTokens {
		d.req.Stream = false // a count is one number
	}
	return err
}

// instructions are the system's first words.
func (d *decoder) instructions(root llm.Value) error {
	v := root.Get("instructions")
	if v.IsNull() {
		return nil
	}
	if v.Kind() != llm.String {
		return wire.Invalid("instructions must be a string.")
	}
	d.req.System = append(d.req.System, llm.Part{Kind: llm.TextPart, Raw: v, Text: v})
	return nil
}

func (d *decoder) settings(root llm.Value) error {
	if err := mayBe(root, llm.Number, "must be a number", "temperature", "top_p"); err != nil {
		return err
	}
	if _, err := wire.Bool(root, "parallel_tool_calls"); err != nil {
		return err
	}
	if err := mayBe(root, llm.Object, "must be an object", "text", "reasoning"); err != nil {
		return err
	}
	text, reasoning := root.Get("text"), root.Get("reasoning")
	if err := wire.NoTwin(text, "format"); err != nil {
		return err
	}
	if err := wire.NoTwin(reasoning, "effort"); err != nil {
		return err
	}
	if err := mayBe(reasoning, llm.String, "must be a string", "effort"); err != nil {
		return err
	}
	format, err := format(text)
	d.req.Settings = llm.Settings{
		Temperature: root.Get("temperature"), TopP: root.Get("top_p"), ParallelTools: root.Get("parallel_tool_calls"),
		User: root.Get("user"), Effort: reasoning.Get("effort"), Format: format,
	}
	return err
}

// format reads the form that the answer is to have. A kind that is not known
// here is left to the provider.
func format(text llm.Value) (llm.Format, error) {
	if err := mayBe(text, llm.Object, "must be an object", "format"); err != nil {
		return llm.Format{}, err
	}
	v := text.Get("format")
	if v.IsNull() {
		return llm.Format{}, nil
	}
	if err := wire.NoTwin(v, "type", "name", "description", "schema", "strict"); err != nil {
		return llm.Format{}, err
	}
	return llm.Format{
		Kind: v.Get("type").Text(), Name: v.Get("name"), Description: v.Get("description"),
		Schema: v.Get("schema"), Strict: v.Get("strict"),
	}, wire.NeedString(v, "type")
}

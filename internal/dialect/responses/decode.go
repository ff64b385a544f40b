package responses

import (
	"errors"
	"fmt"

	"github.com/sallyport-ai/sallyport"
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

// redirects are fields with which some gateways let a caller choose where the
// call goes and with which credential. Here nobody may.
var redirects = []string{"api_base", "base_url", "api_key", "extra_headers"}

// Decode reads a request of a client. Every error is *sallyport.Error with
// InvalidBody, UnsupportedField, UnsupportedTool or ExclusiveFields, whose message
// names the field and never quotes a value. The Request keeps body, which must
// not change from now on.
func Decode(body []byte) (*llm.Request, error) { return decode(body, llm.Generate) }

// DecodeCount reads a request to count the tokens of an input, which is that for a
// response. Errors are those of Decode.
func DecodeCount(body []byte) (*llm.Request, error) { return decode(body, llm.CountTokens) }

func decode(body []byte, operation llm.Operation) (*llm.Request, error) {
	doc, err := llm.Parse(body)
	if err != nil {
		return nil, syntax(err)
	}
	root := doc.Root()
	if root.Kind() != llm.Object {
		return nil, invalidBody("The body must be a JSON object.")
	}
	d := decoder{req: &llm.Request{Dialect: llm.Responses, Operation: operation, Body: doc, Choices: 1, UsageAsked: true}}
	for _, step := range []func(llm.Value) error{
		d.keys, d.target, d.state, d.bounds, d.instructions, d.input, d.tools, d.toolChoice, d.settings,
	} {
		if err := step(root); err != nil {
			return nil, err
		}
	}
	d.req.Portable = func() error { return portable(root) }
	return d.req, nil
}

// syntax tells where the body is not the JSON that we take.
func syntax(err error) error {
	var at *llm.SyntaxError
	if errors.As(err, &at) {
		return sallyport.WrapError(sallyport.InvalidBody,
			fmt.Sprintf("The body is not valid JSON: %s at byte %d.", at.Reason, at.Offset), err)
	}
	return sallyport.WrapError(sallyport.InvalidBody, "The body is not valid JSON.", err)
}

type decoder struct {
	req *llm.Request
}

func (d *decoder) keys(root llm.Value) error {
	for _, name := range redirects {
		if root.Get(name).Exists() || root.CaseTwin(name) != "" {
			return invalidBody("The field " + name + " is not allowed: a request cannot choose where it is sent.")
		}
	}
	return noTwin(root, requestFields...)
}

func noTwin(object llm.Value, names ...string) error {
	if twin := object.CaseTwin(names...); twin != "" {
		return invalidBody("A field is written like " + twin + " but in another case.")
	}
	return nil
}

// wrong is the error for the value v, at that member when there is one.
func wrong(v llm.Value, member, must string) error {
	place := v.Path()
	if member != "" && place != "" {
		member = "." + member
	}
	return invalidBody(place + member + " " + must + ".")
}

func needString(v llm.Value, member string) error {
	if v.Get(member).Kind() != llm.String {
		return wrong(v, member, "must be a string")
	}
	return nil
}

// mayBe says that a member that is there has to be of that kind.
func mayBe(object llm.Value, kind llm.Kind, must string, names ...string) error {
	for _, name := range names {
		if v := object.Get(name); !v.IsNull() && v.Kind() != kind {
			return wrong(object, name, must)
		}
	}
	return nil
}

// boolean reads a field that may be absent or null, which is false.
func boolean(object llm.Value, name string) (bool, error) {
	v := object.Get(name)
	value, ok := v.Bool()
	if !ok && !v.IsNull() {
		return false, wrong(object, name, "must be true or false")
	}
	return value, nil
}

func (d *decoder) target(root llm.Value) error {
	d.req.Model = root.Get("model").Text()
	if d.req.Model == "" {
		return invalidBody("model must be a string that names a model.")
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
		if _, err := boolean(root, name); err != nil {
			return err
		}
	}
	previous, conversation := root.Get("previous_response_id"), root.Get("conversation")
	switch {
	case !previous.IsNull() && !conversation.IsNull():
		return sallyport.NewError(sallyport.ExclusiveFields, "previous_response_id and conversation cannot be used together.")
	case root.Get("background").Kind() == llm.True:
		return unsupported("background: a response is made while the client waits for it; true is not supported.")
	}
	if id := conversation; !id.IsNull() {
		if id.Kind() == llm.Object {
			if err := noTwin(id, "id"); err != nil {
				return err
			}
			id = id.Get("id")
		}
		if id.Text() == "" {
			return invalidBody("conversation must be the id of a conversation, or an object with it.")
		}
	}
	kindo := root.Get("kindo")
	if !kindo.IsNull() && kindo.Kind() != llm.Object {
		return invalidBody("kindo must be an object.")
	}
	if err := noTwin(kindo, "system_prompt"); err != nil {
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
			return invalidBody("max_output_tokens must be a positive whole number.")
		}
		d.req.OutputMax = n
	}
	d.req.Stream, err = boolean(root, "stream")
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
		return invalidBody("instructions must be a string.")
	}
	d.req.System = append(d.req.System, llm.Part{Kind: llm.TextPart, Raw: v, Text: v})
	return nil
}

func (d *decoder) settings(root llm.Value) error {
	if err := mayBe(root, llm.Number, "must be a number", "temperature", "top_p"); err != nil {
		return err
	}
	if _, err := boolean(root, "parallel_tool_calls"); err != nil {
		return err
	}
	if err := mayBe(root, llm.Object, "must be an object", "text", "reasoning"); err != nil {
		return err
	}
	text, reasoning := root.Get("text"), root.Get("reasoning")
	if err := noTwin(text, "format"); err != nil {
		return err
	}
	if err := noTwin(reasoning, "effort"); err != nil {
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
	if err := noTwin(v, "type", "name", "description", "schema", "strict"); err != nil {
		return llm.Format{}, err
	}
	return llm.Format{
		Kind: v.Get("type").Text(), Name: v.Get("name"), Description: v.Get("description"),
		Schema: v.Get("schema"), Strict: v.Get("strict"),
	}, needString(v, "type")
}

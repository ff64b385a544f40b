package chat

import (
	"errors"
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// choicesMax is the most answers that one request may ask for; OpenAI's bound.
const choicesMax = 128

// The fields of a request that this package, or who comes after it, reads. A key
// that differs from one of them in its case alone is refused: a provider that is
// less exact would take it for the field.
var requestFields = []string{
	"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n",
	"tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "top_k",
	"frequency_penalty", "presence_penalty", "seed", "stop", "response_format", "user",
	"prompt_cache_key", "metadata", "litellm_metadata", "proxy_server_request",
	"functions", "function_call",
}

// redirects are fields with which some gateways let a caller choose where the
// call goes and with which credential. Here nobody may.
var redirects = []string{"api_base", "base_url", "api_key", "extra_headers"}

// Decode reads a request of a client. Every error is *sallyport.Error with
// InvalidBody, whose message names the field and never quotes a value. The
// Request keeps body, which must not change from now on.
func Decode(body []byte) (*llm.Request, error) {
	doc, err := llm.Parse(body)
	if err != nil {
		return nil, syntax(err)
	}
	root := doc.Root()
	if root.Kind() != llm.Object {
		return nil, invalidBody("The body must be a JSON object.")
	}
	d := decoder{req: &llm.Request{Dialect: llm.Chat, Body: doc, Choices: 1}}
	for _, step := range []func(llm.Value) error{
		d.keys, d.target, d.bounds, d.stream, d.messages, d.tools, d.toolChoice, d.settings,
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

func (d *decoder) target(root llm.Value) error {
	d.req.Model = root.Get("model").Text()
	if d.req.Model == "" {
		return invalidBody("model must be a string that names a model.")
	}
	key := root.Get("prompt_cache_key")
	if !key.IsNull() && key.Kind() != llm.String {
		return invalidBody("prompt_cache_key must be a string.")
	}
	d.req.Session = key.Text()
	return nil
}

func (d *decoder) bounds(root llm.Value) error {
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		v := root.Get(name)
		if v.IsNull() {
			continue
		}
		n, ok := v.Int()
		if !ok || n < 1 {
			return invalidBody(name + " must be a positive whole number.")
		}
		// Who sends both gets, as a bound of the price, the larger.
		d.req.OutputMax = max(d.req.OutputMax, n)
	}
	if v := root.Get("n"); !v.IsNull() {
		n, ok := v.Int()
		if !ok || n < 1 || n > choicesMax {
			return invalidBody(fmt.Sprintf("n must be a whole number from 1 to %d.", choicesMax))
		}
		d.req.Choices = n
	}
	return nil
}

func (d *decoder) stream(root llm.Value) error {
	var err error
	if d.req.Stream, err = boolean(root, "stream"); err != nil {
		return err
	}
	options := root.Get("stream_options")
	if options.IsNull() {
		return nil
	}
	if options.Kind() != llm.Object {
		return invalidBody("stream_options must be an object.")
	}
	if err := noTwin(options, "include_usage"); err != nil {
		return err
	}
	asked, ok := options.Get("include_usage").Bool()
	if !ok && !options.Get("include_usage").IsNull() {
		return invalidBody("stream_options.include_usage must be true or false.")
	}
	d.req.UsageAsked = asked
	return nil
}

// boolean reads a field that may be absent or null, which is false.
func boolean(object llm.Value, name string) (bool, error) {
	v := object.Get(name)
	value, ok := v.Bool()
	if !ok && !v.IsNull() {
		return false, invalidBody(name + " must be true or false.")
	}
	return value, nil
}

func (d *decoder) settings(root llm.Value) error {
	for _, name := range []string{"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed"} {
		if v := root.Get(name); !v.IsNull() && v.Kind() != llm.Number {
			return invalidBody(name + " must be a number.")
		}
	}
	if _, err := boolean(root, "parallel_tool_calls"); err != nil {
		return err
	}
	if v := root.Get("user"); !v.IsNull() && v.Kind() != llm.String {
		return invalidBody("user must be a string.")
	}
	format, err := format(root.Get("response_format"))
	if err != nil {
		return err
	}
	if v := root.Get("reasoning_effort"); !v.IsNull() && v.Kind() != llm.String {
		return invalidBody("reasoning_effort must be a string.")
	}
	if !stringOrStrings(root.Get("stop")) {
		return invalidBody("stop must be a string or an array of strings.")
	}
	d.req.Settings = llm.Settings{
		Temperature: root.Get("temperature"), TopP: root.Get("top_p"), TopK: root.Get("top_k"),
		Stop: root.Get("stop"), ParallelTools: root.Get("parallel_tool_calls"), User: root.Get("user"),
		Effort: root.Get("reasoning_effort"), Format: format,
	}
	return nil
}

// format reads the form that the answer is to have. A kind that is not known
// here is left to the provider.
func format(v llm.Value) (llm.Format, error) {
	if v.IsNull() {
		return llm.Format{}, nil
	}
	if v.Kind() != llm.Object {
		return llm.Format{}, invalidBody("response_format must be an object.")
	}
	schema := v.Get("json_schema")
	return llm.Format{
		Raw: v, Kind: v.Get("type").Text(), Name: schema.Get("name"), Description: schema.Get("description"),
		Schema: schema.Get("schema"), Strict: schema.Get("strict"),
	}, nil
}

func stringOrStrings(v llm.Value) bool {
	if v.IsNull() || v.Kind() == llm.String {
		return true
	}
	strings := v.Kind() == llm.Array
	v.Items(func(_ int, item llm.Value) bool {
		strings = item.Kind() == llm.String
		return strings
	})
	return strings
}

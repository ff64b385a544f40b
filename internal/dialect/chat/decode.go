package chat

import (
	"fmt"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
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

// Decode reads a request of a client. Every error is *sallyport.Error with
// InvalidBody, whose message names the field and never quotes a value. The
// Request keeps body, which must not change from now on.
func Decode(body []byte) (*llm.Request, error) {
	doc, err := wire.Body(body)
	if err != nil {
		return nil, err
	}
	root := doc.Root()
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

type decoder struct {
	req *llm.Request
}

func (d *decoder) keys(root llm.Value) error {
	return wire.Keys(root, requestFields...)
}

func (d *decoder) target(root llm.Value) error {
	d.req.Model = root.Get("model").Text()
	if d.req.Model == "" {
		return wire.Invalid("model must be a string that names a model.")
	}
	key := root.Get("prompt_cache_key")
	if !key.IsNull() && key.Kind() != llm.String {
		return wire.Invalid("prompt_cache_key must be a string.")
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
			return wire.Invalid(name + " must be a positive whole number.")
		}
		// Who sends both gets, as a bound of the price, the larger.
		d.req.OutputMax = max(d.req.OutputMax, n)
	}
	if v := root.Get("n"); !v.IsNull() {
		n, ok := v.Int()
		if !ok || n < 1 || n > choicesMax {
			return wire.Invalid(fmt.Sprintf("n must be a whole number from 1 to %d.", choicesMax))
		}
		d.req.Choices = n
	}
	return nil
}

func (d *decoder) stream(root llm.Value) error {
	var err error
	if d.req.Stream, err = wire.Bool(root, "stream"); err != nil {
		return err
	}
	options := root.Get("stream_options")
	if options.IsNull() {
		return nil
	}
	if options.Kind() != llm.Object {
		return wire.Invalid("stream_options must be an object.")
	}
	if err := wire.NoTwin(options, "include_usage"); err != nil {
		return err
	}
	asked, ok := options.Get("include_usage").Bool()
	if !ok && !options.Get("include_usage").IsNull() {
		return wire.Invalid("stream_options.include_usage must be true or false.")
	}
	d.req.UsageAsked = asked
	return nil
}

func (d *decoder) settings(root llm.Value) error {
	for _, name := range []string{"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed"} {
		if v := root.Get(name); !v.IsNull() && v.Kind() != llm.Number {
			return wire.Invalid(name + " must be a number.")
		}
	}
	if _, err := wire.Bool(root, "parallel_tool_calls"); err != nil {
		return err
	}
	if v := root.Get("user"); !v.IsNull() && v.Kind() != llm.String {
		return wire.Invalid("user must be a string.")
	}
	format, err := format(root.Get("response_format"))
	if err != nil {
		return err
	}
	if v := root.Get("reasoning_effort"); !v.IsNull() && v.Kind() != llm.String {
		return wire.Invalid("reasoning_effort must be a string.")
	}
	if !stringOrStrings(root.Get("stop")) {
		return wire.Invalid("stop must be a string or an array of strings.")
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
		return llm.Format{}, wire.Invalid("response_format must be an object.")
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

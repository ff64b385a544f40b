package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The fields of a request that this package, or who comes after it, reads. A key
// that differs from one of them in its case alone is refused: a provider that is
// less exact would take it for the field.
var requestFields = []string{
	"model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice", "temperature", "top_p", "top_k",
	"stop_sequences", "output_config", "thinking", "metadata", "litellm_metadata", "proxy_server_request",
}

// Decode reads a request for a message. Every error is *sallyport.Error with
// InvalidBody, whose message names the field and never quotes a value. The
// Request keeps body, which must not change from now on.
func Decode(body []byte) (*llm.Request, error) { return decode(body, llm.Generate) }

// DecodeCount reads a request to count tokens. It is one for a message, but needs
// no bound of the answer. Errors are those of Decode.
func DecodeCount(body []byte) (*llm.Request, error) { return decode(body, llm.CountTokens) }

func decode(body []byte, operation llm.Operation) (*llm.Request, error) {
	doc, err := wire.Body(body)
	if err != nil {
		return nil, err
	}
	root := doc.Root()
	d := decoder{req: &llm.Request{Dialect: llm.Messages, Operation: operation, Body: doc, Choices: 1, UsageAsked: true}}
	for _, step := range []func(llm.Value) error{
		d.keys, d.target, d.bounds, d.system, d.messages, d.tools, d.toolChoice, d.settings, d.outputConfig,
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
	if d.req.Model = root.Get("model").Text(); d.req.Model == "" {
		return wire.Invalid("model must be a string that names a model.")
	}
	d.req.Session = session(root.Get("metadata").Get("user_id").Text())
	return nil
}

// session finds the conversation in what Claude Code writes into its user's id: the
// JSON of an object with a session_id.
func session(userID string) string {
	doc, err := llm.Parse([]byte(userID))
	if err != nil {
		return ""
	}
	return doc.Root().Get("session_id").Text()
}

func (d *decoder) bounds(root llm.Value) error {
	v := root.Get("max_tokens")
	n, ok := v.Int()
	switch {
	case v.IsNull() && d.req.Operation == llm.CountTokens:
	case !ok || n < 1:
		return wire.Invalid("max_tokens must be a positive whole number.")
	}
	d.req.OutputMax = n
	var err error
	d.req.Stream, err = wire.Bool(root, "stream")
	if d.req.Operation == llm.CountTokens {
		d.req.Stream = false // a count is one number
	}
	return err
}

func (d *decoder) settings(root llm.Value) error {
	for _, name := range []string{"temperature", "top_p", "top_k"} {
		if v := root.Get(name); !v.IsNull() && v.Kind() != llm.Number {
			return wire.Invalid(name + " must be a number.")
		}
	}
	stop := root.Get("stop_sequences")
	strings := stop.IsNull() || stop.Kind() == llm.Array
	stop.Items(func(_ int, item llm.Value) bool {
		strings = item.Kind() == llm.String
		return strings
	})
	if !strings {
		return wire.Invalid("stop_sequences must be an array of strings.")
	}
	s := &d.req.Settings
	s.Temperature, s.TopP, s.TopK, s.Stop = root.Get("temperature"), root.Get("top_p"), root.Get("top_k"), stop
	s.ThinkingMax, _ = root.Get("thinking").Get("budget_tokens").Int()
	return nil
}

// outputConfig reads how much to think and the form that the answer is to have. A
// kind of form that is not known here is left to the provider.
func (d *decoder) outputConfig(root llm.Value) error {
	config := root.Get("output_config")
	if config.IsNull() {
		return nil
	}
	if config.Kind() != llm.Object {
		return wire.Invalid("output_config must be an object.")
	}
	if err := wire.NoTwin(config, "effort", "format"); err != nil {
		return err
	}
	if d.req.Settings.Effort = config.Get("effort"); !d.req.Settings.Effort.IsNull() && d.req.Settings.Effort.Kind() != llm.String {
		return wire.Invalid("output_config.effort must be a string.")
	}
	format := config.Get("format")
	if format.IsNull() {
		return nil
	}
	if format.Kind() != llm.Object {
		return wire.Invalid("output_config.format must be an object.")
	}
	d.req.Settings.Format = llm.Format{Raw: format, Kind: format.Get("type").Text(), Schema: format.Get("schema")}
	return nil
}

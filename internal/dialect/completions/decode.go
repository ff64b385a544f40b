// Package completions is the client's side of OpenAI's text completions, the API
// before chat. Programs that complete code in editors still speak it. Few services
// do: a prompt goes out as one message of the user in whatever dialect the model's
// provider has, and the answer's text comes back in the old shape. What only a
// service that continues the very text could honour (a suffix, an echo, the
// probabilities of tokens) is refused.
package completions

import (
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// choicesMax is the most answers that one request may ask for; OpenAI's bound.
const choicesMax = 128

// outputDefault is the bound of an answer when the client names none: OpenAI's
// default for this API.
const outputDefault = 16

// Decode reads a request of a client. Every error is *sallyport.Error with
// InvalidBody or UnsupportedField, whose message names the field and never quotes
// a value.
func Decode(body []byte) (*llm.Request, error) {
	doc, err := wire.Body(body)
	if err != nil {
		return nil, err
	}
	d := decoder{root: doc.Root(), req: &llm.Request{
		Dialect: llm.Completions, Body: doc, Choices: 1, Portable: func() error { return nil },
	}}
	if d.root.Kind() != llm.Object {
		return nil, wire.Invalid("The body must be a JSON object.")
	}
	for _, step := range []func() error{d.keys, d.prompt, d.bounds, d.stream, d.settings} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return d.req, nil
}

type decoder struct {
	root llm.Value
	req  *llm.Request
}

// fields are what is read or left out without a loss.
var fields = map[string]bool{
	"model": true, "prompt": true, "max_tokens": true, "n": true, "stream": true, "stream_options": true,
	"temperature": true, "top_p": true, "stop": true, "user": true, "seed": true,
	"metadata": true, "litellm_metadata": true, "proxy_server_request": true,
}

// neutral are fields that cannot be honoured, each with the value that asks for
// nothing but what happens anyway.
var neutral = map[string]string{
	"best_of": "1", "echo": "false", "frequency_penalty": "0", "presence_penalty": "0", "logit_bias": "{}", "suffix": `""`,
}

func (d decoder) keys() (err error) {
	d.root.Members(func(key, v llm.Value) bool {
		name := key.Text()
		if nothing, known := neutral[name]; !v.IsNull() && !fields[name] && !(known && string(v.Raw()) == nothing) {
			err = sallyport.NewError(sallyport.UnsupportedField, v.Path()+": completions are answered by chat models, which cannot honour this field")
		}
		return err == nil
	})
	if twin := d.root.CaseTwin("model", "prompt", "max_tokens", "n", "stream", "stop", "suffix", "echo"); err == nil && twin != "" {
		err = wire.Invalid("A field is written like " + twin + " but in another case.")
	}
	return err
}

// prompt takes one text. Several prompts would be several calls.
func (d decoder) prompt() error {
	if d.req.Model = d.root.Get("model").Text(); d.req.Model == "" {
		return wire.Invalid("model must be a string that names a model.")
	}
	v := d.root.Get("prompt")
	if v.Kind() == llm.Array && v.Len() == 1 {
		v.Items(func(_ int, item llm.Value) bool { v = item; return false })
	}
	switch {
	case v.Kind() == llm.Array:
		return sallyport.NewError(sallyport.UnsupportedField, "prompt: one text is taken; send a request for each")
	case v.Kind() != llm.String:
		return wire.Invalid("prompt must be a text.")
	}
	d.req.Messages = []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.TextPart, Raw: v, Text: v}}}}
	return nil
}

func (d decoder) bounds() error {
	d.req.OutputMax = outputDefault
	if v := d.root.Get("max_tokens"); !v.IsNull() {
		n, ok := v.Int()
		if !ok || n < 1 {
			return wire.Invalid("max_tokens must be a positive whole number.")
		}
		d.req.OutputMax = n
	}
	if v := d.root.Get("n"); !v.IsNull() {
		n, ok := v.Int()
		if !ok || n < 1 || n > choicesMax {
			return wire.Invalid(fmt.Sprintf("n must be a whole number from 1 to %d.", choicesMax))
		}
		d.req.Choices = n
	}
	return nil
}

func (d decoder) stream() error {
	v := d.root.Get("stream")
	stream, ok := v.Bool()
	if !ok && !v.IsNull() {
		return wire.Invalid("stream must be true or false.")
	}
	d.req.Stream = stream
	d.req.UsageAsked, _ = d.root.Get("stream_options").Get("include_usage").Bool()
	return nil
}

func (d decoder) settings() error {
	for _, name := range []string{"temperature", "top_p"} {
		if v := d.root.Get(name); !v.IsNull() && v.Kind() != llm.Number {
			return wire.Invalid(name + " must be a number.")
		}
	}
	stop := d.root.Get("stop")
	strings := stop.IsNull() || stop.Kind() == llm.String || stop.Kind() == llm.Array
	stop.Items(func(_ int, item llm.Value) bool {
		strings = item.Kind() == llm.String
		return strings
	})
	if !strings {
		return wire.Invalid("stop must be a string or an array of strings.")
	}
	d.req.Settings = llm.Settings{
		Temperature: d.root.Get("temperature"), TopP: d.root.Get("top_p"), Stop: stop, User: d.root.Get("user"),
	}
	return nil
}

// Opaque says which strings of a body carry no text of a person: see chat.Opaque.
func Opaque(place []string) bool { return len(place) == 1 && place[0] == "model" }

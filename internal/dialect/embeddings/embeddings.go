// Package embeddings is the dialect of OpenAI's Embeddings, from both sides. A
// request is a list of texts, an answer a list of vectors: there is nothing to
// translate, and who does not speak this dialect has no embeddings for us. What a
// client sends goes out as it came, but for the model and what policy changed;
// what comes back is passed on as it is.
package embeddings

import (
	"fmt"
	"slices"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Bounds of OpenAI's API.
const inputsMax = 2048

// requestFields are the fields that are read here; a key that differs from one in
// its case alone is refused, for a provider may take it for the field.
var requestFields = []string{"model", "input", "dimensions", "encoding_format", "user"}

// answerFields are fields of answers that data protection does not read; in a request
// they would be texts.
var answerFields = []string{"data", "object"}

// Decode reads a request of a client. Every error is *sallyport.Error with
// InvalidBody, whose message names the field and never quotes a value.
func Decode(body []byte) (*llm.Request, error) {
	doc, err := wire.Body(body)
	if err != nil {
		return nil, err
	}
	root := doc.Root()
	if err := wire.Keys(root, requestFields...); err != nil {
		return nil, err
	}
	if err := wire.NoneOf(root, answerFields...); err != nil {
		return nil, err
	}
	req := &llm.Request{
		Dialect: llm.Embeddings, Operation: llm.Embed, Body: doc, Choices: 1,
		Model: root.Get("model").Text(), Settings: llm.Settings{User: root.Get("user")},
		Portable: func() error {
			return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model has no embeddings.")
		},
	}
	if req.Model == "" {
		return nil, wire.Invalid("model must be a string that names a model.")
	}
	for _, check := range []func(llm.Value) error{dimensions, encoding} {
		if err := check(root); err != nil {
			return nil, err
		}
	}
	return req, input(root.Get("input"), req)
}

func dimensions(root llm.Value) error {
	v := root.Get("dimensions")
	if n, ok := v.Int(); !v.IsNull() && (!ok || n < 1) {
		return wire.Invalid("dimensions must be a positive whole number.")
	}
	return nil
}

func encoding(root llm.Value) error {
	switch v := root.Get("encoding_format"); {
	case v.IsNull(), v.Text() == "float", v.Text() == "base64":
		return nil
	}
	return wire.Invalid("encoding_format must be float or base64.")
}

// input reads a text, texts, tokens or lists of tokens. What tokens stand for depends
// on the model that they go to.
func input(v llm.Value, req *llm.Request) error {
	texts := []llm.Value{v}
	if v.Kind() == llm.Array {
		texts = nil
		v.Items(func(_ int, item llm.Value) bool { texts = append(texts, item); return true })
	}
	if len(texts) == 0 || len(texts) > inputsMax {
		return wire.Invalid(fmt.Sprintf("input must be a text or 1 to %d of them.", inputsMax))
	}
	if slices.ContainsFunc(texts, func(t llm.Value) bool { return t.Kind() != texts[0].Kind() }) {
		return wire.Invalid("input must be all texts or all tokens.")
	}
	switch texts[0].Kind() {
	case llm.String:
		for _, t := range texts {
			if t.Text() == "" {
				return wire.Invalid("input must not hold an empty text.")
			}
			req.Messages = append(req.Messages, llm.Message{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.TextPart, Raw: t, Text: t}}})
		}
		return nil
	case llm.Number, llm.Array:
		lists := texts
		if texts[0].Kind() == llm.Number {
			lists = []llm.Value{v}
		}
		for _, list := range lists {
			if !tokens(list) {
				return wire.Invalid("input must hold texts, or tokens as whole numbers.")
			}
			req.InputTokens += int64(list.Len())
		}
		req.Tokens = v
		return nil
	}
	return wire.Invalid("input must be a text, texts, or tokens.")
}

// tokens says whether v is a list of whole numbers, and not empty.
func tokens(v llm.Value) bool {
	ok := v.Len() > 0
	v.Items(func(_ int, item llm.Value) bool {
		_, ok = item.Int()
		return ok
	})
	return ok
}

// Encode returns the body for a provider of this dialect, whose name for the model
// is target: the client's own but for the model, the fields in wire.Removed and the
// texts that a stage changed.
func Encode(req *llm.Request, target string) []byte {
	root := req.Body.Root()
	patches := llm.Reshape(root, wire.Removed, nil)
	if model := root.Get("model"); model.Text() != target {
		patches = append(patches, llm.Replace(model, llm.Quote(target)))
	}
	return req.Body.Encode(patches...)
}

// DecodeWhole reads an answer into e. Errors are *sallyport.Error: UpstreamInvalid
// for what is not of this dialect.
func DecodeWhole(doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	if root.Get("data").Kind() != llm.Array {
		return sallyport.NewError(sallyport.UpstreamInvalid, "The provider's answer cannot be used: it has no data.")
	}
	*e = llm.Event{Kind: llm.WholeEvent, Dialect: llm.Embeddings, Body: doc, Model: root.Get("model").Text()}
	if n, ok := root.Get("usage").Get("prompt_tokens").Int(); ok {
		e.Usage = &llm.Usage{Input: n}
	}
	return nil
}

// Opaque says which strings of a body carry no text of a person: see chat.Opaque.
func Opaque(place []string) bool {
	switch len(place) {
	case 1:
		return slices.Contains([]string{"model", "object", "encoding_format"}, place[0])
	case 2:
		return place[0] == "data" && (place[1] == "embedding" || place[1] == "object")
	}
	return false
}

// Encoder writes an answer for a client of this dialect.
type Encoder struct{}

// Whole returns the answer as it came.
func (Encoder) Whole(e *llm.Event) ([]byte, error) {
	if e.Dialect != llm.Embeddings || e.Body == nil {
		return nil, sallyport.NewError(sallyport.UpstreamInvalid, "The provider's answer cannot be used: it is no list of embeddings.")
	}
	return e.Body.Encode(), nil
}

// Event is never asked for: there are no streams of this dialect.
func (Encoder) Event(*llm.Event) ([]byte, error) {
	return nil, sallyport.NewError(sallyport.UpstreamInvalid, "The provider's answer cannot be used: it is a stream.")
}

// Failure ends no stream, for there are none.
func (Encoder) Failure(sallyport.Error) []byte { return nil }

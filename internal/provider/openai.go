package provider

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/embeddings"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/transcriptions"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// openAI is a service that speaks OpenAI's chat completions: OpenAI itself and
// the many that are compatible with it. Those that speak Responses too get such
// requests as they came.
type openAI struct {
	client    *client
	flavour   chat.Flavour
	responses bool
	// refusesKey is one of keyRefusals, or nil.
	refusesKey func(body []byte) bool
}

var (
	_ Provider     = (*openAI)(nil)
	_ TokenCounter = (*openAI)(nil)
)

func newOpenAI(cfg Config) (*openAI, error) {
	authHeader := "Authorization"
	if cfg.Type == "azure" {
		authHeader = "api-key"
	}
	client, err := newClient(cfg, credential(cfg, authHeader), func(*url.URL) string { return "/chat/completions" })
	if err != nil {
		return nil, err
	}
	return &openAI{client, flavourOf(cfg.Type), speaksResponses(cfg), keyRefusals[cfg.Type]}, nil
}

// speaksResponses tells which services have Responses: OpenAI, and Azure where
// the address is that of its version 1, which is OpenAI's own.
func speaksResponses(cfg Config) bool {
	switch cfg.Type {
	case "openai":
		return true
	case "azure":
		return strings.HasSuffix(strings.TrimRight(cfg.BaseURL, "/"), "/openai/v1")
	}
	return false
}

// flavourOf tells what a type of service takes that others refuse.
func flavourOf(kind string) chat.Flavour {
	switch kind {
	case "openai", "azure":
		return chat.Flavour{CompletionTokens: true}
	case "vllm", "lmstudio", "openrouter", "together":
		return chat.Flavour{TopK: true}
	}
	return chat.Flavour{}
}

// Do asks for a completion, a response, embeddings or a transcript.
func (p *openAI) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	if req.Operation == llm.Embed {
		o := outgoing{path: "/embeddings", body: embeddings.Encode(req, target)}
		return p.client.ask(ctx, llm.Embeddings, o, embeddingsReader{}, out)
	}
	if req.Operation == llm.Transcribe {
		body, form := transcriptions.Encode(req, target)
		return p.client.ask(ctx, llm.Transcriptions, outgoing{
			path: "/audio/transcriptions", headers: map[string]string{"Content-Type": form}, body: body, stream: req.Stream,
		}, transcriptReader{transcriptions.Format(req)}, out)
	}
	if req.Dialect == llm.Responses && p.responses {
		return p.client.ask(ctx, llm.Responses, outgoing{
			path: "/responses", headers: req.Headers, body: responses.Encode(req, target), stream: req.Stream,
		}, &responsesReader{}, out)
	}
	body, err := p.encode(target, req)
	if err != nil {
		return llm.Receipt{}, err
	}
	receipt, err := p.client.ask(ctx, llm.Chat, outgoing{body: body, stream: req.Stream}, &chatReader{}, out)
	return receipt, aboutKey(err, p.refusesKey)
}

// aboutKey makes of a refusal with status 400 that of our credential, where tells says
// that its body is about that; nil: the service says so by its status.
func aboutKey(err error, tells func(body []byte) bool) error {
	var refused *llm.UpstreamError
	if tells != nil && errors.As(err, &refused) && refused.Status == http.StatusBadRequest && tells(refused.Body) {
		return wire.KeyRefused(nil)
	}
	return err
}

// keyRefusals tell, by type of service, whether the body of a refusal with status 400
// is about our credential. Others say that by their status.
var keyRefusals = map[string]func(body []byte) bool{
	"gemini-openai": func(body []byte) bool { return bytes.Contains(body, []byte(`"API key not valid.`)) },
	"xai":           func(body []byte) bool { return bytes.Contains(body, []byte(`"Incorrect API key provided`)) },
}

// Counts implements TokenCounter.
func (p *openAI) Counts(dialect llm.Dialect) bool { return dialect == llm.Responses && p.responses }

// CountTokens asks how many tokens the input of a response has.
func (p *openAI) CountTokens(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	return p.client.ask(ctx, llm.Responses, outgoing{
		path: "/responses/input_tokens", headers: req.Headers, body: responses.EncodeCount(req, target),
	}, &responseTokensReader{}, out)
}

func (p *openAI) encode(target string, req *llm.Request) ([]byte, error) {
	if req.Dialect == llm.Chat {
		return chat.Encode(req, target), nil
	}
	return chat.EncodeForeign(req, target, p.flavour)
}

// chatReader reads one answer of the chat dialect.
type chatReader struct{ decoder chat.Decoder }

var _ ender = (*chatReader)(nil)

func (*chatReader) whole(doc *llm.Document, e *llm.Event) error { return chat.DecodeWhole(doc, e) }

func (r *chatReader) event(name string, data []byte, doc *llm.Document, e *llm.Event) error {
	if string(data) == endMark {
		*e = llm.Event{Kind: llm.DoneEvent, Dialect: llm.Chat}
		return nil
	}
	if err := parseEvent(data, doc); err != nil {
		return err
	}
	err := r.decoder.DecodeEvent(doc, e)
	e.Name = name
	return err
}

func (r *chatReader) complete() bool { return r.decoder.Complete() }

// responsesReader reads one answer of the responses dialect.
type responsesReader struct{ decoder responses.Decoder }

func (*responsesReader) whole(doc *llm.Document, e *llm.Event) error {
	return responses.DecodeWhole(doc, e)
}

func (r *responsesReader) event(name string, data []byte, doc *llm.Document, e *llm.Event) error {
	if err := parseEvent(data, doc); err != nil {
		return err
	}
	return r.decoder.DecodeEvent(name, doc, e)
}

// responseTokensReader reads a number of tokens.
type responseTokensReader struct{ responsesReader }

func (*responseTokensReader) whole(doc *llm.Document, e *llm.Event) error {
	return responses.DecodeTokens(doc, e)
}

// embeddingsReader reads answers of the embeddings dialect.
type embeddingsReader struct{}

func (embeddingsReader) whole(doc *llm.Document, e *llm.Event) error {
	return embeddings.DecodeWhole(doc, e)
}

// There are no streams of embeddings, and none was asked for.
func (embeddingsReader) event(string, []byte, *llm.Document, *llm.Event) error {
	return invalid("a stream where one whole answer was asked for", nil)
}

// transcriptReader reads answers of the transcriptions dialect, in that format.
type transcriptReader struct{ format string }

func (r transcriptReader) document(body []byte) (*llm.Document, error) {
	return transcriptions.Document(r.format, body)
}

func (transcriptReader) whole(doc *llm.Document, e *llm.Event) error {
	return transcriptions.DecodeWhole(doc, e)
}

func (transcriptReader) event(name string, data []byte, doc *llm.Document, e *llm.Event) error {
	if err := parseEvent(data, doc); err != nil {
		return err
	}
	return transcriptions.DecodeEvent(name, doc, e)
}

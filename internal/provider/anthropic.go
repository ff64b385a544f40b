package provider

import (
	"context"
	"net/url"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

const (
	anthropicURL     = "https://api.anthropic.com"
	anthropicVersion = "2023-06-01"
	// anthropicOutput is the bound of an answer when the client names none; this
	// API demands one. Every model of it can write that much, and it is what is
	// held of the balance for such a call by default.
	anthropicOutput = 4_096
)

// anthropic is a service that speaks Anthropic's Messages API.
type anthropic struct {
	client *client
}

var _ Provider = (*anthropic)(nil)

// newAnthropic takes a base address with and without the version at its end:
// the API's own clients are set up without, ours for other APIs with it.
func newAnthropic(cfg Config) (*anthropic, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = anthropicURL
	}
	header := credential(cfg, "x-api-key")
	header.Set("anthropic-version", anthropicVersion)
	client, err := newClient(cfg, header, func(base *url.URL) string {
		return anthropicPath(base, "/messages")
	})
	if err != nil {
		return nil, err
	}
	return &anthropic{client}, nil
}

// anthropicPath is the path of what is below the version, under base.
func anthropicPath(base *url.URL, path string) string {
	if strings.HasSuffix(base.Path, "/v1") {
		return path
	}
	return "/v1" + path
}

// Do asks for a message. An error that the provider reports inside a stream is
// *sallyport.Error with UpstreamError.
func (p *anthropic) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	body, err := messages.Encode(req, target, anthropicOutput)
	if err != nil {
		return llm.Receipt{}, err
	}
	return p.client.ask(ctx, llm.Messages, outgoing{body: body, stream: req.Stream}, &messagesReader{}, out)
}

// messagesReader reads one answer of the messages dialect.
type messagesReader struct{ decoder messages.Decoder }

func (*messagesReader) whole(doc *llm.Document, e *llm.Event) error {
	return messages.DecodeWhole(doc, e)
}

func (r *messagesReader) event(name string, data []byte, doc *llm.Document, e *llm.Event) error {
	if err := parseEvent(data, doc); err != nil {
		return err
	}
	return r.decoder.DecodeEvent(name, doc, e)
}

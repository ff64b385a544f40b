package provider

import (
	"context"
	"maps"
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
	path   string // of what is asked for messages, below the base address
	betas  string // of the configuration
}

var (
	_ Provider     = (*anthropic)(nil)
	_ TokenCounter = (*anthropic)(nil)
)

// betaHeader names the betas that a request makes use of.
const betaHeader = "Anthropic-Beta"

// newAnthropic takes a base address with and without the version at its end:
// the API's own clients are set up without, ours for other APIs with it.
func newAnthropic(cfg Config) (*anthropic, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = anthropicURL
	}
	header := credential(cfg, "x-api-key")
	header.Set("anthropic-version", anthropicVersion)
	p := new(anthropic)
	client, err := newClient(cfg, header, func(base *url.URL) string {
		p.path = anthropicPath(base, "/messages")
		return p.path
	})
	p.client = client
	for name, value := range cfg.Headers {
		if strings.EqualFold(name, betaHeader) {
			p.betas = value
		}
	}
	return p, err
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
	o, err := p.outgoing(target, req)
	if err != nil {
		return llm.Receipt{}, err
	}
	return p.client.ask(ctx, llm.Messages, o, &messagesReader{}, out)
}

// Counts implements TokenCounter.
func (p *anthropic) Counts(dialect llm.Dialect) bool { return dialect == llm.Messages }

// CountTokens asks how many tokens the input has.
func (p *anthropic) CountTokens(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	o, err := p.outgoing(target, req)
	if err != nil {
		return llm.Receipt{}, err
	}
	o.path = p.path + "/count_tokens"
	return p.client.ask(ctx, llm.Messages, o, &tokensReader{}, out)
}

// outgoing writes a request. One of this dialect brings headers of its client, and
// its betas stand beside those of the configuration.
func (p *anthropic) outgoing(target string, req *llm.Request) (outgoing, error) {
	body, err := messages.Encode(req, target, anthropicOutput)
	o := outgoing{body: body, stream: req.Stream}
	if req.Dialect != llm.Messages {
		return o, err
	}
	o.headers = req.Headers
	if asked := req.Headers[betaHeader]; asked != "" && p.betas != "" {
		o.headers = maps.Clone(req.Headers)
		o.headers[betaHeader] = p.betas + "," + asked
	}
	return o, err
}

// tokensReader reads a number of tokens.
type tokensReader struct{ messagesReader }

func (*tokensReader) whole(doc *llm.Document, e *llm.Event) error {
	return messages.DecodeTokens(doc, e)
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

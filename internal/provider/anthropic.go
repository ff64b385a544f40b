package provider

import (
	"context"
	"errors"
	"mime"
	"strings"

	"github.com/sallyport-ai/sallyport"
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
	path   string
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
	client, err := newClient(cfg, header)
	if err != nil {
		return nil, err
	}
	path := "/v1/messages"
	if strings.HasSuffix(client.base.Path, "/v1") {
		path = "/messages"
	}
	return &anthropic{client, path}, nil
}

// Do asks for a message. An error that the provider reports inside a stream is
// *sallyport.Error with UpstreamError.
func (p *anthropic) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	body, err := messages.Encode(req, target, anthropicOutput)
	if err != nil {
		return llm.Receipt{}, err
	}
	answer, receipt, err := p.client.post(ctx, p.path, body, req.Stream)
	if err != nil {
		return receipt, err
	}
	if req.Stream {
		return receipt, p.stream(ctx, answer, out)
	}
	defer answer.close()
	return receipt, p.whole(ctx, answer, out)
}

func (p *anthropic) whole(ctx context.Context, answer *answer, out llm.Sink) error {
	body, err := answer.whole(ctx)
	if err != nil {
		return err
	}
	doc, err := llm.Parse(body)
	if err != nil {
		return invalid("not JSON", err)
	}
	var event llm.Event
	if err := messages.DecodeWhole(doc, &event); err != nil {
		return err
	}
	return out(&event)
}

func (p *anthropic) stream(ctx context.Context, answer *answer, out llm.Sink) error {
	if kind, _, _ := mime.ParseMediaType(answer.header.Get("Content-Type")); kind == "application/json" {
		defer answer.close()
		return p.notStream(ctx, answer)
	}
	var (
		decoder messages.Decoder
		doc     llm.Document
		event   llm.Event
		done    *llm.Event
	)
	err := answer.events(ctx, func(name string, data []byte) error {
		if err := doc.Reset(data); err != nil {
			return invalid("an event that is not JSON", err)
		}
		if err := decoder.DecodeEvent(name, &doc, &event); err != nil {
			return err
		}
		if event.Kind == llm.DoneEvent {
			done = event.Clone() // its bytes are the reader's, and the sink keeps it
			return errStreamDone
		}
		return out(&event)
	})
	switch {
	case errors.Is(err, errStreamDone):
		answer.release()
		return out(done)
	case err == nil:
		err = sallyport.NewError(sallyport.UpstreamClosed, "The provider ended its answer before its end.")
	}
	answer.close()
	return err
}

// notStream reads a plain answer that came where a stream was asked for: a
// failure told with a status of success, else nothing that can be used.
func (p *anthropic) notStream(ctx context.Context, answer *answer) error {
	return p.whole(ctx, answer, func(*llm.Event) error {
		return invalid("one whole answer where a stream was asked for", nil)
	})
}

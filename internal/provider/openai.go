package provider

import (
	"context"
	"errors"
	"mime"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// openAI is a service that speaks OpenAI's chat completions: OpenAI itself and
// the many that are compatible with it.
type openAI struct {
	client *client
}

var _ Provider = (*openAI)(nil)

func newOpenAI(cfg Config) (*openAI, error) {
	authHeader := "Authorization"
	if cfg.Type == "azure" {
		authHeader = "api-key"
	}
	client, err := newClient(cfg, credential(cfg, authHeader))
	if err != nil {
		return nil, err
	}
	return &openAI{client}, nil
}

// Do asks for a completion.
func (p *openAI) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	if req.Dialect != llm.Chat {
		return llm.Receipt{}, sallyport.NewError(sallyport.UnsupportedField,
			"The provider of this model takes chat completions only.")
	}
	answer, receipt, err := p.client.post(ctx, "/chat/completions", chat.Encode(req, target), req.Stream)
	if err != nil {
		return receipt, err
	}
	if req.Stream {
		return receipt, p.stream(ctx, answer, out)
	}
	defer answer.close()
	return receipt, p.whole(ctx, answer, out)
}

func (p *openAI) whole(ctx context.Context, answer *answer, out llm.Sink) error {
	body, err := answer.whole(ctx)
	if err != nil {
		return err
	}
	doc, err := llm.Parse(body)
	if err != nil {
		return invalid("not JSON", err)
	}
	var event llm.Event
	if err := chat.DecodeWhole(doc, &event); err != nil {
		return err
	}
	return out(&event)
}

// errStreamDone ends the reading of a stream at its success end.
var errStreamDone = errors.New("the stream is complete")

func (p *openAI) stream(ctx context.Context, answer *answer, out llm.Sink) error {
	if kind, _, _ := mime.ParseMediaType(answer.header.Get("Content-Type")); kind == "application/json" {
		defer answer.close()
		return p.notStream(ctx, answer)
	}
	var doc llm.Document
	var event llm.Event
	err := answer.events(ctx, func(name string, data []byte) error {
		if string(data) == endMark {
			return errStreamDone
		}
		if err := doc.Reset(data); err != nil {
			return invalid("an event that is not JSON", err)
		}
		if err := chat.DecodeEvent(&doc, &event); err != nil {
			return err
		}
		event.Name = name
		return out(&event)
	})
	switch {
	case errors.Is(err, errStreamDone):
		answer.release()
		return out(&llm.Event{Kind: llm.DoneEvent, Dialect: llm.Chat})
	case err == nil:
		err = sallyport.NewError(sallyport.UpstreamClosed, "The provider ended its answer before its end.")
	}
	answer.close()
	return err
}

// notStream reads a plain answer that came where a stream was asked for: a
// failure told with a status of success, else nothing that can be used.
func (p *openAI) notStream(ctx context.Context, answer *answer) error {
	return p.whole(ctx, answer, func(*llm.Event) error {
		return invalid("one whole answer where a stream was asked for", nil)
	})
}

package provider

import (
	"context"
	"net/url"

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
	client, err := newClient(cfg, credential(cfg, authHeader), func(*url.URL) string { return "/chat/completions" })
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
	return p.client.ask(ctx, llm.Chat, outgoing{body: chat.Encode(req, target), stream: req.Stream}, chatReader{}, out)
}

// chatReader reads answers of the chat dialect.
type chatReader struct{}

func (chatReader) whole(doc *llm.Document, e *llm.Event) error { return chat.DecodeWhole(doc, e) }

func (chatReader) event(name string, data []byte, doc *llm.Document, e *llm.Event) error {
	if string(data) == endMark {
		*e = llm.Event{Kind: llm.DoneEvent, Dialect: llm.Chat}
		return nil
	}
	if err := parseEvent(data, doc); err != nil {
		return err
	}
	err := chat.DecodeEvent(doc, e)
	e.Name = name
	return err
}

package provider

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/gemini"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

const geminiURL = "https://generativelanguage.googleapis.com/v1beta"

// geminiAPI is Google's Gemini API.
type geminiAPI struct {
	client *client
}

var _ Provider = (*geminiAPI)(nil)

func newGemini(cfg Config) (*geminiAPI, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = geminiURL
	}
	client, err := newClient(cfg, credential(cfg, "x-goog-api-key"), func(*url.URL) string { return "/models" })
	if err != nil {
		return nil, err
	}
	return &geminiAPI{client}, nil
}

// Do asks for content. A key that the API does not know is UpstreamAuth, although it
// says so with status 400.
func (p *geminiAPI) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	receipt, err := askGemini(ctx, p.client, target, req, out)
	return receipt, aboutKey(err, gemini.RefusesKey)
}

// askGemini asks in the dialect that the Gemini API and Vertex AI share.
func askGemini(ctx context.Context, c *client, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	body, err := gemini.Encode(req, target)
	if err != nil {
		return llm.Receipt{}, err
	}
	o := outgoing{path: geminiPath(target) + ":generateContent", body: body, stream: req.Stream}
	if req.Stream {
		// Without alt=sse the answer would be one array that grows.
		o.path, o.query = geminiPath(target)+":streamGenerateContent", "alt=sse"
	}
	receipt, err := c.ask(ctx, llm.Gemini, o, &geminiReader{}, out)
	var refused *llm.UpstreamError
	if errors.As(err, &refused) && refused.RetryAfter == "" {
		refused.RetryAfter = gemini.RetryAfter(refused.Body)
	}
	return receipt, err
}

// geminiPath is where a model is. A tuned one is named with its collection.
func geminiPath(target string) string {
	collection, name, named := strings.Cut(target, "/")
	if !named || collection != "models" && collection != "tunedModels" {
		collection, name = "models", target
	}
	return "/" + collection + "/" + url.PathEscape(name)
}

// geminiReader reads one answer of the gemini dialect.
type geminiReader struct{ decoder gemini.Decoder }

var _ ender = (*geminiReader)(nil)

func (*geminiReader) whole(doc *llm.Document, e *llm.Event) error { return gemini.DecodeWhole(doc, e) }

func (r *geminiReader) event(name string, data []byte, doc *llm.Document, e *llm.Event) error {
	if err := parseEvent(data, doc); err != nil {
		return err
	}
	err := r.decoder.DecodeEvent(doc, e)
	e.Name = name
	return err
}

func (r *geminiReader) complete() bool { return r.decoder.Complete() }

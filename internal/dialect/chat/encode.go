package chat

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// removed are the fields that never reach a provider: with them a client could
// forge what some gateways take for facts about the call.
var removed = []string{"metadata", "litellm_metadata", "proxy_server_request"}

// Encode returns the body for a provider of this dialect, whose name for the
// model is target. It is the client's own body but for: the model; the fields in
// removed; the texts that a stage changed; and, in a stream,
// stream_options.include_usage, which is set so that charges are facts. req must
// be of this dialect.
func Encode(req *llm.Request, target string) []byte {
	root := req.Body.Root()
	var patches []llm.Patch
	if model := root.Get("model"); model.Text() != target {
		patches = append(patches, llm.Replace(model, llm.Quote(target)))
	}
	var add []llm.Field
	if req.Stream {
		options := root.Get("stream_options")
		switch asked := options.Get("include_usage"); {
		case !options.Exists():
			add = []llm.Field{{Name: "stream_options", JSON: []byte(`{"include_usage":true}`)}}
		case options.IsNull():
			patches = append(patches, llm.Replace(options, []byte(`{"include_usage":true}`)))
		case !asked.Exists():
			patches = append(patches, llm.Reshape(options, nil, []llm.Field{{Name: "include_usage", JSON: []byte("true")}})...)
		case asked.Kind() != llm.True:
			patches = append(patches, llm.Replace(asked, []byte("true")))
		}
	}
	patches = append(patches, llm.Reshape(root, removed, add)...)
	return req.Body.Encode(patches...)
}

// Message is a turn of a request that we write ourselves.
type Message struct {
	Role llm.Role
	Text string
}

// NewRequest returns the body of a request for model whose answer comes piece by
// piece. maxTokens of 0 leaves the bound of the answer to the provider.
func NewRequest(model string, messages []Message, maxTokens int64) []byte {
	type message struct {
		Role    llm.Role `json:"role"`
		Content string   `json:"content"`
	}
	body := struct {
		Model     string    `json:"model"`
		Messages  []message `json:"messages"`
		MaxTokens int64     `json:"max_tokens,omitempty"`
		Stream    bool      `json:"stream"`
	}{Model: model, Messages: []message{}, MaxTokens: maxTokens, Stream: true}
	for _, m := range messages {
		body.Messages = append(body.Messages, message{m.Role, m.Text})
	}
	return wire.Marshal(body)
}

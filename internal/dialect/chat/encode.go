package chat

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Encode returns the body for a provider of this dialect, whose name for the
// model is target. It is the client's own body but for: the model; the fields in
// wire.Removed; the texts that a stage changed; and, in a stream,
// stream_options.include_usage, which is set so that charges are facts; and what
// providers of other dialects have signed. req must be of this dialect.
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
	patches = append(patches, llm.Reshape(root, wire.Removed, add)...)
	patches = append(patches, withoutProofs(root.Get("messages"))...)
	return req.Body.Encode(patches...)
}

// withoutProofs makes the patches that take out of the messages what other providers
// have signed: nobody else gets that.
func withoutProofs(messages llm.Value) (patches []llm.Patch) {
	messages.Items(func(_ int, m llm.Value) bool {
		if proof, others := proofOf(m); proof != "" && !others {
			patches = append(patches, llm.Reshape(m, []string{"reasoning_details"}, nil)...)
		} else if proof != "" {
			patches = append(patches, wire.Without(m.Get("reasoning_details"), isProof)...)
		}
		m.Get("tool_calls").Items(func(_ int, call llm.Value) bool {
			if callProof(call) != "" {
				patches = append(patches, llm.Reshape(call, []string{"extra_content"}, nil)...)
			}
			return true
		})
		return true
	})
	return patches
}

func isProof(detail llm.Value) bool { return wire.IsProof(detail.Get("data").Text()) }

// proofOf is the proof of a message's reasoning, "" without one, and whether other
// details stand beside it.
func proofOf(m llm.Value) (proof string, others bool) {
	m.Get("reasoning_details").Items(func(_ int, detail llm.Value) bool {
		if isProof(detail) {
			proof = detail.Get("data").Text()
		} else {
			others = true
		}
		return true
	})
	return proof, others
}

// callProof is the proof of a call of a tool; "": it has none.
func callProof(call llm.Value) string {
	if proof := call.Get("extra_content").Get("google").Get("thought_signature").Text(); wire.IsProof(proof) {
		return proof
	}
	return ""
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

package responses

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// removed are the fields that never reach a provider: with them a client could
// forge what some gateways take for facts about the call, or they are ours to do.
var removed = []string{"litellm_metadata", "proxy_server_request", "kindo", "background"}

// Encode returns the body for a provider of this dialect, whose name for the
// model is target. It is the client's own body but for: the model; the fields in
// removed; the texts that a stage changed; and store, which is false, for what a
// provider keeps is out of reach of every rule here; and reasoning that a provider of
// another dialect has signed. req must be of this dialect.
func Encode(req *llm.Request, target string) []byte {
	root := req.Body.Root()
	var patches []llm.Patch
	if model := root.Get("model"); model.Text() != target {
		patches = append(patches, llm.Replace(model, llm.Quote(target)))
	}
	var add []llm.Field
	switch store := root.Get("store"); store.Kind() {
	case llm.False:
	case llm.Missing:
		add = []llm.Field{{Name: "store", JSON: []byte("false")}}
	default:
		patches = append(patches, llm.Replace(store, []byte("false")))
	}
	patches = append(patches, llm.Reshape(root, removed, add)...)
	patches = append(patches, withoutProofs(root.Get("input"))...)
	return req.Body.Encode(patches...)
}

// uncounted are the fields that an input has no tokens for, and that a provider
// does not take where it counts.
var uncounted = append([]string{
	"store", "stream", "stream_options", "metadata", "client_metadata", "include", "max_output_tokens", "max_tool_calls",
	"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "safety_identifier", "service_tier", "temperature", "top_p",
	"top_logprobs", "user",
}, removed...)

// EncodeCount returns the body that asks a provider of this dialect to count the
// tokens of req's input: the client's own but for the model, the fields in
// uncounted and the texts that a stage changed.
func EncodeCount(req *llm.Request, target string) []byte {
	root := req.Body.Root()
	patches := append(llm.Reshape(root, uncounted, nil), withoutProofs(root.Get("input"))...)
	if model := root.Get("model"); model.Text() != target {
		patches = append(patches, llm.Replace(model, llm.Quote(target)))
	}
	return req.Body.Encode(patches...)
}

// withoutProofs makes the patch that takes reasoning out of the input which another
// provider has signed: nobody else gets that.
func withoutProofs(input llm.Value) []llm.Patch {
	return wire.Without(input, func(item llm.Value) bool { return wire.IsProof(item.Get("encrypted_content").Text()) })
}

// DecodeTokens reads a provider's count into e, whose Usage has it as Input.
// Errors are those of DecodeWhole.
func DecodeTokens(doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	if told := root.Get("error"); !told.IsNull() {
		return failure(told)
	}
	n, ok := root.Get("input_tokens").Int()
	if !ok || n < 0 {
		return wire.Unusable("it has no number of tokens")
	}
	*e = llm.Event{Kind: llm.WholeEvent, Dialect: llm.Responses, Body: doc, Usage: &llm.Usage{Input: n}}
	return nil
}

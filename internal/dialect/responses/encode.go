package responses

import (
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// removed are the fields that never reach a provider: with them a client could
// forge what some gateways take for facts about the call, or they are ours.
var removed = []string{"litellm_metadata", "proxy_server_request", "kindo"}

// Encode returns the body for a provider of this dialect, whose name for the
// model is target. It is the client's own body but for: the model; the fields in
// removed; the texts that a stage changed; and store, which is false, for what a
// provider keeps is out of reach of every rule here. req must be of this dialect.
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
	return req.Body.Encode(patches...)
}

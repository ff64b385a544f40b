package wire

import "github.com/sallyport-ai/sallyport/internal/llm"

// Removed are the fields of a client that never reach a provider: with them a client
// could forge what some gateways take for facts about the call.
var Removed = []string{"metadata", "litellm_metadata", "proxy_server_request"}

// Fields are the members of an object that do not stand in the way of a provider
// of another dialect: carried by the meaning of a request, hints of which a
// provider is free to make nothing, or never sent to any. One with a test cannot be
// carried: only a value passes that asks for nothing but what happens anyway.
type Fields map[string]func(llm.Value) bool

// Stranger returns the first member that stands in the way, zero Values when none
// does. Unknown ones do: what they mean is not known, so neither is what dropping
// them would do.
func (f Fields) Stranger(object llm.Value) (name, value llm.Value) {
	object.Members(func(key, v llm.Value) bool {
		asksNothing, known := f[key.Text()]
		if !v.IsNull() && (!known || asksNothing != nil && !asksNothing(v)) {
			name, value = key, v
		}
		return !name.Exists()
	})
	return name, value
}

// Only is the error for a Stranger, nil when there is none.
func (f Fields) Only(object llm.Value) error {
	if _, v := f.Stranger(object); v.Exists() {
		return Unsupported(v, NotHonoured)
	}
	return nil
}

// NotHonoured is why a field is refused that would be lost.
const NotHonoured = "the provider of this model cannot honour this field"

package messages

import (
	"errors"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// portable refuses a request with a field that a provider of another dialect
// would not get although it changes what the client gets. Unknown fields are
// refused too: what they mean is not known, so neither is what dropping them
// would do.
func portable(root llm.Value) error {
	if err := onlyKnown(root, fields); err != nil {
		return err
	}
	return onlyKnown(root.Get("output_config"), outputFields)
}

// unhonoured is the name of a field that was refused; it is the cause of the error.
type unhonoured string

func (f unhonoured) Error() string { return "a field of the messages dialect alone" }

// Details returns what programs are told of an error of that cause beside its
// type, nil for nothing. Anthropic's clients, whose tool runner lets the service
// hold the conversation where it can, go on by themselves after this one.
func Details(cause error) any {
	var field unhonoured
	if !errors.As(cause, &field) || field != "thread" {
		return nil
	}
	return struct {
		Code        string   `json:"error_code"`
		Unsupported []string `json:"unsupported"`
	}{"thread_unsupported_request", []string{string(field)}}
}

// onlyKnown is wire.Fields.Only whose error has the field as its cause.
func onlyKnown(object llm.Value, fields wire.Fields) error {
	name, v := fields.Stranger(object)
	if !v.Exists() {
		return nil
	}
	return sallyport.WrapError(sallyport.UnsupportedField, v.Path()+": "+wire.NotHonoured, unhonoured(name.Text()))
}

var (
	fields = wire.Fields{
		// Carried: the meaning of a request holds them.
		"model": nil, "messages": nil, "system": nil, "max_tokens": nil, "stream": nil,
		"temperature": nil, "top_p": nil, "top_k": nil, "stop_sequences": nil,
		"tools": nil, "tool_choice": nil, "output_config": nil,
		// Hints, of which a provider is free to make nothing, and what no provider sees:
		// how much to think, what to forget of a history that is too long, where to cache.
		"thinking": nil, "context_management": nil, "cache_control": nil, "service_tier": nil, "speed": nil,
		"metadata": nil, "litellm_metadata": nil, "proxy_server_request": nil,
		"mcp_servers": empty,
	}
	outputFields = wire.Fields{"effort": nil, "format": nil}
)

func empty(v llm.Value) bool { return v.Kind() == llm.Array && v.Len() == 0 }

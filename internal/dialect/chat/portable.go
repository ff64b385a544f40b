package chat

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// portable refuses a request with a field that a provider of another dialect
// would not get although it changes what the client gets.
func portable(root llm.Value) error { return fields.Only(root) }

var fields = wire.Fields{
	// Carried: the meaning of a request holds them.
	"model": nil, "messages": nil, "stream": nil, "max_tokens": nil, "max_completion_tokens": nil,
	"temperature": nil, "top_p": nil, "top_k": nil, "stop": nil, "user": nil,
	"tools": nil, "tool_choice": nil, "parallel_tool_calls": nil,
	"response_format": nil, "reasoning_effort": nil,
	// Hints, and what no provider sees.
	"metadata": nil, "litellm_metadata": nil, "proxy_server_request": nil,
	"stream_options": nil, "store": nil, "seed": nil, "service_tier": nil,
	"prediction": nil, "safety_identifier": nil,
	"prompt_cache_key": nil, "prompt_cache_retention": nil,

	"n":                 whole(1),
	"top_logprobs":      whole(0),
	"frequency_penalty": whole(0),
	"presence_penalty":  whole(0),
	"logprobs":          func(v llm.Value) bool { return v.Kind() == llm.False },
	"logit_bias":        func(v llm.Value) bool { return v.Kind() == llm.Object && v.Len() == 0 },
	"verbosity":         func(v llm.Value) bool { return v.Text() == "medium" },
	"modalities":        onlyText,
}

func whole(want int64) func(llm.Value) bool {
	return func(v llm.Value) bool {
		n, ok := v.Int()
		return ok && n == want
	}
}

func onlyText(v llm.Value) bool {
	only := v.Kind() == llm.Array
	v.Items(func(_ int, item llm.Value) bool {
		only = item.Text() == "text"
		return only
	})
	return only
}

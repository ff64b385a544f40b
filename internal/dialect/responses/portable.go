package responses

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// fields are those of a request; one that a provider of another dialect would not
// get although it changes what the client gets is refused.
var fields = wire.Fields{
	// Carried: the meaning of a request holds them.
	"model": nil, "input": nil, "instructions": nil, "stream": nil, "max_output_tokens": nil,
	"temperature": nil, "top_p": nil, "user": nil,
	"tools": nil, "tool_choice": nil, "parallel_tool_calls": nil,
	// Hints, and what no provider sees.
	"metadata": nil, "client_metadata": nil, "litellm_metadata": nil, "proxy_server_request": nil, "kindo": nil,
	"store": nil, "stream_options": nil, "service_tier": nil, "safety_identifier": nil, "truncation": nil,
	"prompt_cache_key": nil, "prompt_cache_retention": nil, "prompt_cache_options": nil,
	"max_tool_calls":       nil,                                         // of hosted tools, of which there are none
	"previous_response_id": nil, "conversation": nil, "background": nil, // honoured before a provider is asked

	"top_logprobs": func(v llm.Value) bool { n, ok := v.Int(); return ok && n == 0 },
	"include":      withoutLogprobs,
	"text":         func(v llm.Value) bool { return v.Kind() == llm.Object && textFields.Only(v) == nil },
	// How to summarise what was thought is a hint, as the effort is.
	"reasoning": func(v llm.Value) bool { return v.Kind() == llm.Object },
}

var textFields = wire.Fields{"format": nil, "verbosity": func(v llm.Value) bool { return v.Text() == "medium" }}

// withoutLogprobs says that nothing is to be included but what belongs to hosted
// tools, of which there are none, or to a provider of this dialect.
func withoutLogprobs(v llm.Value) bool {
	none := v.Kind() == llm.Array
	v.Items(func(_ int, item llm.Value) bool {
		none = item.Text() != "message.output_text.logprobs"
		return none
	})
	return none
}

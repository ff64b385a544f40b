package responses

import (
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// portable refuses a request with a field that a provider of another dialect
// would not get although it changes what the client gets. Unknown fields are
// refused too: what they mean is not known, so neither is what dropping them
// would do.
func portable(root llm.Value) error {
	var err error
	root.Members(func(key, value llm.Value) bool {
		name := key.Text()
		asksNothing := neutral[name]
		switch {
		case value.IsNull(), carried[name], hints[name]:
		case asksNothing != nil && asksNothing(value):
		default:
			err = unsupported(value.Path() + ": the provider of this model cannot honour this field.")
		}
		return err == nil
	})
	root.Get("tools").Items(func(_ int, tool llm.Value) bool {
		if err == nil && tool.Get("type").Text() != "function" {
			err = unsupportedTool(tool, "the provider of this model takes function tools only")
		}
		return err == nil
	})
	return err
}

// carried are the fields that the meaning of a request holds.
var carried = map[string]bool{
	"model": true, "input": true, "instructions": true, "stream": true, "max_output_tokens": true,
	"temperature": true, "top_p": true, "user": true,
	"tools": true, "tool_choice": true, "parallel_tool_calls": true,
}

// hints are fields that a provider is free to make nothing of, or that no
// provider ever sees.
var hints = map[string]bool{
	"metadata": true, "client_metadata": true, "litellm_metadata": true, "proxy_server_request": true, "kindo": true,
	"store": true, "stream_options": true, "service_tier": true, "safety_identifier": true, "truncation": true,
	"prompt_cache_key": true, "prompt_cache_retention": true, "prompt_cache_options": true,
	"max_tool_calls":       true,                       // of hosted tools, of which there are none
	"previous_response_id": true, "conversation": true, // honoured before a provider is asked
}

// neutral are fields that cannot be carried as a whole, each with the test of the
// values that ask for nothing but what is carried or happens anyway.
var neutral = map[string]func(llm.Value) bool{
	"background":   func(v llm.Value) bool { return v.Kind() == llm.False },
	"top_logprobs": func(v llm.Value) bool { n, ok := v.Int(); return ok && n == 0 },
	"include":      withoutLogprobs,
	"text": func(v llm.Value) bool {
		return only(v, map[string]func(llm.Value) bool{
			"format":    func(llm.Value) bool { return true },
			"verbosity": func(v llm.Value) bool { return v.Text() == "medium" },
		})
	},
	// How to summarise what was thought is a hint, as the effort is.
	"reasoning": func(v llm.Value) bool { return v.Kind() == llm.Object },
}

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

func only(object llm.Value, known map[string]func(llm.Value) bool) bool {
	ok := object.Kind() == llm.Object
	object.Members(func(key, value llm.Value) bool {
		test := known[key.Text()]
		ok = value.IsNull() || test != nil && test(value)
		return ok
	})
	return ok
}

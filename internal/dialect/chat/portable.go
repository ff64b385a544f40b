package chat

import (
	"github.com/sallyport-ai/sallyport"
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
			err = sallyport.NewError(sallyport.UnsupportedField,
				value.Path()+": the provider of this model cannot honour this field")
		}
		return err == nil
	})
	return err
}

// carried are the fields that the meaning of a request holds.
var carried = map[string]bool{
	"model": true, "messages": true, "stream": true,
	"max_tokens": true, "max_completion_tokens": true,
	"temperature": true, "top_p": true, "top_k": true, "stop": true, "user": true,
	"tools": true, "tool_choice": true, "parallel_tool_calls": true,
	"response_format": true, "reasoning_effort": true,
}

// hints are fields that a provider is free to make nothing of, or that no
// provider ever sees.
var hints = map[string]bool{
	"metadata": true, "litellm_metadata": true, "proxy_server_request": true,
	"stream_options": true, "store": true, "seed": true, "service_tier": true,
	"prediction": true, "safety_identifier": true,
	"prompt_cache_key": true, "prompt_cache_retention": true,
}

// neutral are fields that cannot be carried, each with the test of the values
// that ask for nothing but what happens anyway.
var neutral = map[string]func(llm.Value) bool{
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

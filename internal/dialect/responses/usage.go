package responses

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// readUsage turns OpenAI's counts, in which parts are counted within wholes, into
// disjoint ones; false when v holds none. Counts are not judged here.
func readUsage(v llm.Value, into *llm.Usage) bool {
	if v.Kind() != llm.Object || v.Get("input_tokens").IsNull() && v.Get("output_tokens").IsNull() {
		return false
	}
	input, output := wire.Tokens(v.Get("input_tokens")), wire.Tokens(v.Get("output_tokens"))
	switch {
	case v.Get("input_tokens").IsNull():
		input = wire.TokensLeft(wire.Tokens(v.Get("total_tokens")), output)
	case v.Get("output_tokens").IsNull():
		output = wire.OutputLeft(v.Get("total_tokens"), input)
	}
	details := v.Get("input_tokens_details")
	cached, written := wire.TokensWithin(details.Get("cached_tokens")), wire.TokensWithin(details.Get("cache_write_tokens"))
	*into = llm.Usage{
		Input: input - cached - written, CachedInput: cached, CacheWrite: written,
		Output: output, Reasoning: wire.Tokens(v.Get("output_tokens_details").Get("reasoning_tokens")),
	}
	return true
}

// usageObject counts as OpenAI does: the parts within the wholes.
type usageObject struct {
	Input         int64         `json:"input_tokens"`
	InputDetails  inputDetails  `json:"input_tokens_details"`
	Output        int64         `json:"output_tokens"`
	OutputDetails outputDetails `json:"output_tokens_details"`
	Total         int64         `json:"total_tokens"`
}

type inputDetails struct {
	Cached     int64 `json:"cached_tokens"`
	CacheWrite int64 `json:"cache_write_tokens"`
}

type outputDetails struct {
	Reasoning int64 `json:"reasoning_tokens"`
}

func newUsage(u llm.Usage) *usageObject {
	input := u.Input + u.CachedInput + u.CacheWrite
	return &usageObject{
		Input: input, InputDetails: inputDetails{u.CachedInput, u.CacheWrite},
		Output: u.Output, OutputDetails: outputDetails{u.Reasoning}, Total: input + u.Output,
	}
}

package chat

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// readUsage turns OpenAI's counts, in which parts are counted within wholes, into
// disjoint ones; nil when v holds none. Counts are not judged here.
func readUsage(v llm.Value) *llm.Usage {
	if v.Kind() != llm.Object || v.Get("prompt_tokens").IsNull() && v.Get("completion_tokens").IsNull() {
		return nil
	}
	prompt, output := wire.Tokens(v.Get("prompt_tokens")), wire.Tokens(v.Get("completion_tokens"))
	details := v.Get("prompt_tokens_details")
	cached, written := wire.TokensWithin(details.Get("cached_tokens")), wire.TokensWithin(details.Get("cache_write_tokens"))
	if !details.Get("cached_tokens").Exists() {
		cached = wire.TokensWithin(v.Get("prompt_cache_hit_tokens")) // DeepSeek
	}
	total := wire.Tokens(v.Get("total_tokens"))
	switch {
	case v.Get("prompt_tokens").IsNull():
		prompt = wire.TokensLeft(total, output)
	case v.Get("completion_tokens").IsNull():
		output = wire.OutputLeft(v.Get("total_tokens"), prompt)
	case total-prompt > output && prompt >= 0:
		// Some providers leave reasoning out of the output but not out of the total:
		// what was not asked was answered.
		output = total - prompt
	}
	return &llm.Usage{
		Input: prompt - cached - written, CachedInput: cached, CacheWrite: written,
		Output: output, Reasoning: wire.Tokens(v.Get("completion_tokens_details").Get("reasoning_tokens")),
	}
}

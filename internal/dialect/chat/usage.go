package chat

import (
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// unreadable stands for a count that is no whole number. It is negative so that
// who checks counts for sense finds it.
const unreadable = -1

// countMax bounds a count, so that sums of counts do not overflow; it is far
// over what anyone can believe.
const countMax = 1 << 40

// readUsage turns OpenAI's counts, in which parts are counted within wholes, into
// disjoint ones; nil when v holds none. Counts are not judged here.
func readUsage(v llm.Value) *llm.Usage {
	if v.Kind() != llm.Object || v.Get("prompt_tokens").IsNull() && v.Get("completion_tokens").IsNull() {
		return nil
	}
	prompt, output := count(v.Get("prompt_tokens")), count(v.Get("completion_tokens"))
	details := v.Get("prompt_tokens_details")
	cached, written := count(details.Get("cached_tokens")), count(details.Get("cache_write_tokens"))
	if !details.Get("cached_tokens").Exists() {
		cached = count(v.Get("prompt_cache_hit_tokens")) // DeepSeek
	}
	total := count(v.Get("total_tokens"))
	switch {
	case v.Get("prompt_tokens").IsNull():
		prompt = max(total-max(output, 0), 0)
	case total-prompt > output && prompt >= 0:
		// Some providers leave reasoning out of the output but not out of the total:
		// what was not asked was answered.
		output = total - prompt
	}
	return &llm.Usage{
		Input: prompt - cached - written, CachedInput: cached, CacheWrite: written,
		Output: output, Reasoning: count(v.Get("completion_tokens_details").Get("reasoning_tokens")),
	}
}

// count reads a number of tokens; absent is 0.
func count(v llm.Value) int64 {
	if v.IsNull() {
		return 0
	}
	n, ok := v.Int()
	if !ok {
		return unreadable
	}
	return min(max(n, -countMax), countMax)
}

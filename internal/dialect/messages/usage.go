package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// count takes over the counts of a usage object. Each is the total so far, so a
// later one replaces the earlier; what an event leaves out stays as it was. The
// counts of input, cache reads and cache writes are disjoint here as in llm.Usage.
func (d *Decoder) count(usage llm.Value, e *llm.Event) {
	if usage.IsNull() {
		return
	}
	take(usage.Get("input_tokens"), &d.usage.Input)
	take(usage.Get("cache_read_input_tokens"), &d.usage.CachedInput)
	take(usage.Get("cache_creation_input_tokens"), &d.usage.CacheWrite)
	take(usage.Get("output_tokens"), &d.usage.Output)
	take(usage.Get("output_tokens_details").Get("thinking_tokens"), &d.usage.Reasoning)
	e.Usage = &d.usage
}

func take(v llm.Value, into *int64) {
	if !v.IsNull() {
		*into = wire.Tokens(v)
	}
}

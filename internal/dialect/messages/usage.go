package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// count takes over the counts of a usage object. Each is the total so far, so a
// later one replaces the earlier; what an event leaves out stays as it was. The
// counts of input, cache reads and cache writes are disjoint here as in llm.Usage.
// The input that nothing has told is none, and so is the output of an answer that ended:
// what its beginning told of that was not all.
func (d *Decoder) count(usage llm.Value, e *llm.Event) {
	take(usage.Get("input_tokens"), &d.usage.Input)
	take(usage.Get("cache_read_input_tokens"), &d.usage.CachedInput)
	take(usage.Get("cache_creation_input_tokens"), &d.usage.CacheWrite)
	take(usage.Get("output_tokens"), &d.usage.Output)
	take(usage.Get("output_tokens_details").Get("thinking_tokens"), &d.usage.Reasoning)
	d.inputTold = d.inputTold || !usage.Get("input_tokens").IsNull()
	d.outputTold = d.outputTold || !usage.Get("output_tokens").IsNull()
	ended := e.Kind == llm.WholeEvent || len(e.Finishes) > 0
	if usage.IsNull() && !ended || !d.inputTold && !d.outputTold {
		return
	}
	d.told = d.usage
	if !d.inputTold {
		d.told.Input = wire.NoTokens - max(d.usage.CachedInput, 0) - max(d.usage.CacheWrite, 0)
	}
	if !d.outputTold && ended {
		d.told.Output = wire.NoTokens
	}
	e.Usage = &d.told
}

func take(v llm.Value, into *int64) {
	if !v.IsNull() {
		*into = wire.Tokens(v)
	}
}

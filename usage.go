package sallyport

// Usage is what a call used, in tokens. The four input and output counts are
// disjoint: their sum is the total. Reasoning is a part of Output. Time of sound counts beside them.
type Usage struct {
	Input       int64 // neither read from nor written to the provider's cache
	CachedInput int64
	CacheWrite  int64
	Output      int64
	Reasoning   int64
	// AudioSeconds is how long the sound is that was heard, where the provider tells that.
	AudioSeconds int64
}

// Total is the number of all tokens, in and out.
func (u Usage) Total() int64 { return u.Input + u.CachedInput + u.CacheWrite + u.Output }

// Plus adds up two usages.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		Input: u.Input + v.Input, CachedInput: u.CachedInput + v.CachedInput, CacheWrite: u.CacheWrite + v.CacheWrite,
		Output: u.Output + v.Output, Reasoning: u.Reasoning + v.Reasoning,
	}
}

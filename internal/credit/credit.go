// Package credit reckons what a call can use, what it probably used and what it
// costs. It decides nothing and keeps nothing: the gateway asks it for numbers,
// the journal moves the money.
//
// Before a call its bound is priced and held; afterwards the use is priced and
// charged. The hold is an upper bound made of what is known without counting
// tokens: no token is shorter than a byte, images by a table, and the answer as
// long as the client allows; input that comes as tokens is counted. A use above
// the hold is charged all the same and marked as an overrun.
package credit

import (
	"bytes"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Numbers that a request or a model may leave open.
const (
	// HoldOutput is the output that is held for a choice when neither the
	// client nor the operator names a bound: longer than nearly all answers.
	HoldOutput = 4096
	// ImageTokens is the bound for one image of a model that names none.
	ImageTokens = 2000
	// TokensMax is more than any call can use. Larger counts are cut to it on
	// the way in and taken for a provider's mistake on the way back.
	TokensMax = 1_000_000_000
	// absurd is how many times its bound a reported count may be before it is
	// taken for a mistake. Hidden prompts and server-side tools of a provider
	// do exceed a bound, but not by that much.
	absurd = 100
	// bytesPerToken is the rule of thumb of the estimate.
	bytesPerToken = 4
)

// Bound is the most that req can use with model m. bodyBytes is the length of
// the request's body. holdOutput is what to hold for an answer without a bound;
// 0 is HoldOutput; the model's own bound is kept.
//
// All input counts where it is dearest: whether a provider reads a prompt from
// its cache or writes it there is known only afterwards.
func Bound(req *llm.Request, m sallyport.Model, bodyBytes, holdOutput int64) sallyport.Usage {
	if req.Operation == llm.CountTokens {
		return sallyport.Usage{} // nobody charges for it
	}
	if req.Operation == llm.Transcribe {
		return heardAtMost(req, m)
	}
	bound := atDearest(m.Price, inputMax(req, m, bodyBytes))
	if req.Operation == llm.Embed {
		return bound // vectors are no tokens
	}
	bound.Output = times(outputMax(req, m, holdOutput), max(req.Choices, 1))
	if m.Price.Reasoning > m.Price.Output {
		bound.Reasoning = bound.Output // all of it may be thought
	}
	return bound
}

func inputMax(req *llm.Request, m sallyport.Model, bodyBytes int64) int64 {
	if req.InputTokens > 0 {
		return cut(req.InputTokens)
	}
	text, images := input(req, m, bodyBytes)
	return add(text, images)
}

func atDearest(p sallyport.Price, tokens int64) sallyport.Usage {
	switch max(p.Input, p.CachedInput, p.CacheWrite) {
	case p.Input:
		return sallyport.Usage{Input: tokens}
	case p.CacheWrite:
		return sallyport.Usage{CacheWrite: tokens}
	}
	return sallyport.Usage{CachedInput: tokens}
}

// outputMax is the bound of one choice. What the client names is taken at its
// word, also above the model's own bound: providers know theirs better.
func outputMax(req *llm.Request, m sallyport.Model, hold int64) int64 {
	if req.OutputMax > 0 {
		return req.OutputMax
	}
	if hold <= 0 {
		hold = HoldOutput
	}
	if m.OutputMax > 0 {
		hold = min(hold, m.OutputMax)
	}
	return hold
}

// Estimate is what req probably used when the provider did not say:
// deliveredChars of answer text came.
func Estimate(req *llm.Request, m sallyport.Model, bodyBytes, deliveredChars int64) sallyport.Usage {
	if req.Operation == llm.CountTokens {
		return sallyport.Usage{}
	}
	if req.Operation == llm.Transcribe {
		return heardProbably(req, deliveredChars)
	}
	output := tokensOf(deliveredChars)
	if req.OutputMax > 0 {
		output = min(output, times(req.OutputMax, max(req.Choices, 1)))
	}
	return sallyport.Usage{Input: Tokens(req, m, bodyBytes), Output: output}
}

// Tokens is about how many tokens the input of req has, and exactly where that is certain.
func Tokens(req *llm.Request, m sallyport.Model, bodyBytes int64) int64 {
	if req.InputTokens > 0 {
		return cut(req.InputTokens)
	}
	text, images := input(req, m, bodyBytes)
	return add(tokensOf(text), images)
}

func tokensOf(chars int64) int64 {
	chars = cut(chars)
	return (chars + bytesPerToken - 1) / bytesPerToken
}

// input returns the bytes of the body that are not image data, and the bound
// of the tokens for its images.
func input(req *llm.Request, m sallyport.Model, bodyBytes int64) (text, imageTokens int64) {
	var images, data int64
	count := func(p *llm.Part) {
		if p.Kind == llm.ImagePart {
			images++
			data += dataBytes(p.URL) + int64(len(p.Data.Raw()))
		}
	}
	for i := range req.System {
		each(&req.System[i], count)
	}
	for i := range req.Messages {
		for j := range req.Messages[i].Parts {
			each(&req.Messages[i].Parts[j], count)
		}
	}
	perImage := m.ImageTokens
	if perImage <= 0 {
		perImage = ImageTokens
	}
	return cut(bodyBytes - data), times(images, perImage)
}

// each visits a part and those within it; results of tools nest one deep.
func each(p *llm.Part, f func(*llm.Part)) {
	f(p)
	for i := range p.Parts {
		f(&p.Parts[i])
	}
}

// dataBytes is the length of what follows the comma of a data: URI. It is read
// from the bytes as they came, and is 0 for an image that is named by address.
func dataBytes(url llm.Value) int64 {
	raw := url.Raw()
	if !bytes.HasPrefix(raw, []byte(`"data:`)) {
		return 0
	}
	comma := bytes.IndexByte(raw, ',')
	if comma < 0 {
		return 0
	}
	return int64(len(raw) - comma - len(`,"`))
}

// Clamp makes a provider's count possible, and says whether it was not. A
// negative count is none. One beyond a hundred times its bound, or beyond
// TokensMax, says nothing; the bound takes its place, so that a mistake costs
// no more than what was held.
func Clamp(u, bound sallyport.Usage) (_ sallyport.Usage, clamped bool) {
	fixed := sallyport.Usage{
		Input: max(u.Input, 0), CachedInput: max(u.CachedInput, 0),
		CacheWrite: max(u.CacheWrite, 0), Output: max(u.Output, 0),
	}
	inputs := add(add(fixed.Input, fixed.CachedInput), fixed.CacheWrite)
	if most := bound.Total() - bound.Output; impossible(inputs, most) {
		fixed.Input, fixed.CachedInput, fixed.CacheWrite = bound.Input, bound.CachedInput, bound.CacheWrite
	}
	if impossible(fixed.Output, bound.Output) {
		fixed.Output = bound.Output
	}
	fixed.Reasoning = min(max(u.Reasoning, 0), fixed.Output)
	fixed.AudioSeconds = max(u.AudioSeconds, 0)
	if impossible(fixed.AudioSeconds, bound.AudioSeconds) {
		fixed.AudioSeconds = bound.AudioSeconds
	}
	return fixed, fixed != u
}

func impossible(tokens, bound int64) bool {
	return tokens >= TokensMax || tokens > times(bound, absurd)
}

// Settle prices a use. overrun says that it costs more than was held.
func Settle(p sallyport.Price, hold sallyport.Credits, u sallyport.Usage) (cost sallyport.Credits, overrun bool, err error) {
	cost, err = p.Cost(u)
	return cost, cost > hold, err
}

// cut, add and times keep counts between 0 and TokensMax.
func cut(n int64) int64 { return min(max(n, 0), TokensMax) }

func add(a, b int64) int64 { return cut(cut(a) + cut(b)) }

func times(a, b int64) int64 { return cut(cut(a) * cut(b)) }

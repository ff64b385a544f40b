package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// tellLimits tells, for requests and for tokens, the limit that is nearest to its
// end, under the header names that clients of the surface read. What a provider
// says of its own limits is not passed on: they are the gateway's, and bind all
// organisations together.
func (r *request) tellLimits(h http.Header) {
	limits := r.call.Limits
	for _, unit := range limitUnits {
		var nearest *sallyport.LimitState
		for i := range limits {
			if l := &limits[i]; l.Unit == unit.name && (nearest == nil || l.Remaining < nearest.Remaining) {
				nearest = l
			}
		}
		if nearest == nil {
			continue
		}
		names, reset := unit.openAI, nearest.Reset.Round(time.Millisecond).String()
		if r.surface.dialect == llm.Messages {
			names, reset = unit.anthropic, r.call.StartedAt.Add(nearest.Reset).UTC().Format(time.RFC3339)
		}
		h[names.limit] = []string{strconv.FormatInt(nearest.Limit, 10)}
		h[names.remaining] = []string{strconv.FormatInt(max(nearest.Remaining, 0), 10)}
		h[names.reset] = []string{reset}
	}
}

// limitNames are headers as net/http writes them.
type limitNames struct{ limit, remaining, reset string }

// limitUnits are the units that clients know. The names are those of OpenAI, whose
// reset is how long that takes, and of Anthropic, whose reset is when it will be.
// https://platform.openai.com/docs/guides/rate-limits, https://docs.anthropic.com/en/api/rate-limits
var limitUnits = []struct {
	name              string
	openAI, anthropic limitNames
}{
	{
		limit.Requests,
		limitNames{"X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"},
		limitNames{"Anthropic-Ratelimit-Requests-Limit", "Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset"},
	},
	{
		limit.Tokens,
		limitNames{"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"},
		limitNames{"Anthropic-Ratelimit-Tokens-Limit", "Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset"},
	},
}

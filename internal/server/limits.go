package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/limit"
)

// setLimitHeaders tells, for requests and for tokens, the limit that is nearest
// to its end, under the header names that OpenAI's clients read.
func setLimitHeaders(h http.Header, limits []sallyport.LimitState) {
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
		h[unit.limit] = []string{strconv.FormatInt(nearest.Limit, 10)}
		h[unit.remaining] = []string{strconv.FormatInt(max(nearest.Remaining, 0), 10)}
		h[unit.reset] = []string{nearest.Reset.Round(time.Millisecond).String()}
	}
}

// limitUnits are the units that those clients know, and their headers as
// net/http writes them.
var limitUnits = []struct{ name, limit, remaining, reset string }{
	{limit.Requests, "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"},
	{limit.Tokens, "X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"},
}

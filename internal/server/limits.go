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
	nearest := make(map[string]sallyport.LimitState, 2)
	for _, l := range limits {
		if l.Unit != limit.Requests && l.Unit != limit.Tokens {
			continue // those clients know no others
		}
		if n, seen := nearest[l.Unit]; !seen || l.Remaining < n.Remaining {
			nearest[l.Unit] = l
		}
	}
	for unit, l := range nearest {
		h.Set("X-Ratelimit-Limit-"+unit, strconv.FormatInt(l.Limit, 10))
		h.Set("X-Ratelimit-Remaining-"+unit, strconv.FormatInt(max(l.Remaining, 0), 10))
		h.Set("X-Ratelimit-Reset-"+unit, l.Reset.Round(time.Millisecond).String())
	}
}

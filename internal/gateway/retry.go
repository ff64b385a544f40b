package gateway

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Routing bounds how often and how long a call is tried before its answer begins.
type Routing struct {
	// Retries is how often one candidate is tried again after a failure that
	// costs nothing; negative: never. 0 is 1.
	Retries int
	// Time is how long after the first try another may begin. 0 is 60 s.
	Time time.Duration
	// Failures in a row of a candidate open its breaker; it is then passed over
	// for Rest. 0 is 5 and 30 s.
	Failures int
	Rest     time.Duration
}

func (r Routing) withDefaults() Routing {
	if r.Retries == 0 {
		r.Retries = 1
	}
	if r.Time <= 0 {
		r.Time = 60 * time.Second
	}
	if r.Failures <= 0 {
		r.Failures = 5
	}
	if r.Rest <= 0 {
		r.Rest = 30 * time.Second
	}
	return r
}

// verdict is what a failed try means for the next.
type verdict struct {
	again bool // the same candidate may do better
	next  bool // another candidate may
	sick  bool // it tells of the candidate's health, not of the request
	paid  bool // the provider may charge for it
}

// judge reads a failure of a candidate that had said nothing yet. A request that a
// provider does not like is not better liked elsewhere, but for one that cannot be
// said in the provider's dialect.
func judge(err error) verdict {
	switch sallyport.CodeOf(err) {
	case sallyport.UnsupportedField:
		return verdict{next: true}
	case sallyport.UpstreamAuth:
		return verdict{next: true, sick: true}
	case sallyport.UpstreamUnreachable:
		return verdict{again: true, next: true, sick: true}
	case sallyport.UpstreamTimeout, sallyport.UpstreamClosed, sallyport.UpstreamInvalid:
		return verdict{next: true, sick: true, paid: true}
	case sallyport.UpstreamError, sallyport.UpstreamEmptyBody:
		v := judgeStatus(err)
		v.paid = v.paid || toldUsage(err) != nil
		v.again = v.again && !v.paid // the hold covers one try of each candidate
		return v
	}
	return verdict{}
}

// overloaded is Anthropic's status for a service with too much to do.
const overloaded = 529

func judgeStatus(err error) verdict {
	switch status := llm.FailureStatus(err); {
	case status == 0: // told inside of a success in no words that are known, or a success without a word
		return verdict{next: true, sick: true, paid: sallyport.CodeOf(err) == sallyport.UpstreamEmptyBody}
	case status == http.StatusTooManyRequests:
		return verdict{next: true}
	case status == http.StatusNotFound, status == http.StatusRequestTimeout, status == http.StatusConflict:
		return verdict{next: true}
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == overloaded:
		return verdict{again: true, next: true, sick: true}
	case status >= 500:
		return verdict{next: true, sick: true}
	}
	return verdict{}
}

// toldUsage is what a provider told that it has used although it failed; nil: it has
// told nothing, and nobody charges for an error in the place of an answer.
func toldUsage(err error) *llm.Usage {
	var told *llm.ToldFailure
	if !errors.As(err, &told) || told.Usage == nil || *told.Usage == (llm.Usage{}) {
		return nil
	}
	return told.Usage
}

// The waits before a candidate is tried again: a quarter to half a second, doubled
// each time, or what the provider asks for, if that is not too long to be waited
// for here. Who waits longer is told so and waits at the client.
const (
	pauseFirst    = 250 * time.Millisecond
	retryAfterMax = 5 * time.Second
)

// pause is the wait before try number n, the first being 1; ok is false when the
// provider asks for more than anybody should wait here.
func pause(n int, err error) (wait time.Duration, ok bool) {
	var refused *llm.UpstreamError
	if errors.As(err, &refused) {
		if wait, asked := refused.Wait(retryAfterMax + time.Second); asked {
			return wait, wait <= retryAfterMax
		}
	}
	longest := pauseFirst << min(n, 4)
	return longest/2 + rand.N(longest/2), true
}

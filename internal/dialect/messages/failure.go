package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// A failureKind is the type of a provider's error in this dialect; it is the cause
// of the error that is made of it, so that a client of this dialect is told it.
type failureKind string

func (k failureKind) Error() string { return string(k) }

// reasons are the error types that this dialect knows, in our words. The
// provider's own message stays out: it may quote the request.
var reasons = map[failureKind]string{
	"overloaded_error":      "it is overloaded",
	"rate_limit_error":      "its rate limit is reached",
	"timeout_error":         "it took too long",
	"invalid_request_error": "it does not accept the request",
	"request_too_large":     "the request is too large for it",
	"billing_error":         "its account has a billing problem",
	"not_found_error":       "it does not know what was asked for",
	"api_error":             "something failed inside it",
}

// failure is an error that came in the place of an answer or in its middle.
func failure(v llm.Value) error {
	kind := failureKind(v.Get("type").Text())
	if kind == "authentication_error" || kind == "permission_error" {
		return wire.KeyRefused(nil)
	}
	told := wire.ToldBy(v)
	for known, reason := range reasons {
		if kind == known {
			told.Cause = known
			return wire.Failed(reason, told)
		}
	}
	return wire.Failed("", told)
}

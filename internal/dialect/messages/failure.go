package messages

import (
	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// reasons are the error types that this dialect knows, in our words. The
// provider's own message stays out: it may quote the request.
var reasons = map[string]string{
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
	switch kind := v.Get("type").Text(); kind {
	case "authentication_error", "permission_error":
		return sallyport.NewError(sallyport.UpstreamAuth, "The provider refused the gateway's credential.")
	default:
		message := "The provider answered with an error"
		if reason, known := reasons[kind]; known {
			message += ": " + reason
		}
		return sallyport.NewError(sallyport.UpstreamError, message+".")
	}
}

func malformed(what string) error {
	return sallyport.NewError(sallyport.UpstreamInvalid, "The provider's answer cannot be used: "+what+".")
}

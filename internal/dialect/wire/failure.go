package wire

import (
	"net/http"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// failureStatuses are the HTTP statuses of what providers call their failures, by
// OpenAI's, Anthropic's and Google's documentation of errors.
var failureStatuses = map[string]int{
	"rate_limit_exceeded": 429, "insufficient_quota": 429, "server_error": 500, "invalid_prompt": 400,

	"invalid_request_error": 400, "billing_error": 402, "not_found_error": 404, "request_too_large": 413,
	"rate_limit_error": 429, "api_error": 500, "timeout_error": 504, "overloaded_error": 529,

	"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 429,
	"CANCELLED": 499, "INTERNAL": 500, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504,
}

// FailureStatus is the HTTP status that an error object inside of a success stands
// for: a number in its code, as OpenRouter, vLLM and Google tell it, else its code,
// status or type as a word. 0: none that is known.
func FailureStatus(failure llm.Value) int {
	if failure.Kind() != llm.Object {
		return 0
	}
	if n, ok := failure.Get("code").Int(); ok && n >= 400 && n < 600 {
		return int(n)
	}
	for _, member := range []string{"code", "status", "type"} {
		if status, known := failureStatuses[failure.Get(member).Text()]; known {
			return status
		}
	}
	return 0
}

// Failed is Told for the reason why, which is in our words; "": none that is known.
func Failed(why string, told llm.ToldFailure) error {
	message := "The provider answered with an error"
	if why != "" {
		message += ": " + why
	}
	return Told(message+".", told)
}

// Told is the error of a failure that a provider told inside of a success, in our
// words. One of our credential is what its status is elsewhere.
func Told(message string, told llm.ToldFailure) error {
	if told.Status == http.StatusUnauthorized || told.Status == http.StatusForbidden {
		return KeyRefused(nil)
	}
	return sallyport.WrapError(sallyport.UpstreamError, message, &told)
}

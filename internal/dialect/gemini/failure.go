package gemini

import (
	"math"
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// reasons are the states of errors that this dialect knows, in our words. The
// provider's own message stays out: it may quote the request.
var reasons = map[string]string{
	"RESOURCE_EXHAUSTED":  "its rate limit or quota is reached",
	"UNAVAILABLE":         "it is overloaded",
	"DEADLINE_EXCEEDED":   "it took too long",
	"CANCELLED":           "it broke the call off",
	"INVALID_ARGUMENT":    "it does not accept the request",
	"FAILED_PRECONDITION": "it does not accept the request at present",
	"NOT_FOUND":           "it does not know what was asked for",
	"INTERNAL":            "something failed inside it",
}

// failedReasons are ends of an answer that are no answer.
var failedReasons = map[string]string{
	"MALFORMED_FUNCTION_CALL":   "the model wrote a call of a tool that cannot be read",
	"UNEXPECTED_TOOL_CALL":      "the model called a tool where there is none",
	"TOO_MANY_TOOL_CALLS":       "the model called tools without an end",
	"MALFORMED_RESPONSE":        "the model wrote what cannot be read",
	"MISSING_THOUGHT_SIGNATURE": "it does not accept the history of the conversation",
}

// failure is an error that came in the place of an answer or in its middle.
func failure(v llm.Value) error {
	switch state := v.Get("status").Text(); state {
	case "UNAUTHENTICATED", "PERMISSION_DENIED":
		return wire.KeyRefused(nil)
	default:
		return wire.Failed(reasons[state], wire.ToldBy(v))
	}
}

// RetryAfter is what body, that of a refusal, says of when to ask again, in the form of
// the header that this API does not send: whole seconds; "" when it does not say.
func RetryAfter(body []byte) string {
	doc, err := llm.Parse(body)
	if err != nil {
		return ""
	}
	wait := ""
	doc.Root().Get("error").Get("details").Items(func(_ int, detail llm.Value) bool {
		if d, err := time.ParseDuration(detail.Get("retryDelay").Text()); err == nil && d >= 0 {
			wait = strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
		}
		return wait == ""
	})
	return wait
}

// RefusesKey says whether body, that of a refusal with status 400, is about our
// credential: this API says so of a key that it does not know.
func RefusesKey(body []byte) bool {
	doc, err := llm.Parse(body)
	if err != nil {
		return false
	}
	refused := false
	doc.Root().Get("error").Get("details").Items(func(_ int, detail llm.Value) bool {
		refused = detail.Get("reason").Text() == "API_KEY_INVALID"
		return !refused
	})
	return refused
}

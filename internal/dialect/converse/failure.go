package converse

import (
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// reasons are the exceptions that this dialect knows, in our words, by their names
// without the end and in lower case: they are written in more than one way. The
// provider's own message stays out: it may quote the request.
var reasons = map[string]string{
	"throttling":           "its rate limit is reached",
	"servicequotaexceeded": "its quota is reached",
	"serviceunavailable":   "it is overloaded",
	"modelnotready":        "the model is not ready",
	"modeltimeout":         "it took too long",
	"modelstreamerror":     "the model failed",
	"modelerror":           "the model failed",
	"internalserver":       "something failed inside it",
	"validation":           "it does not accept the request",
	"resourcenotfound":     "it does not know what was asked for",
}

// statuses are those of HTTP that exceptions have where they come in the place of an
// answer, as Bedrock's documentation of ConverseStream tells.
var statuses = map[string]int{
	"throttling": 429, "serviceunavailable": 503, "modeltimeout": 408, "internalserver": 500, "validation": 400, "resourcenotfound": 404,
}

// isFailure says whether an event of that type ends the answer with an error.
func isFailure(name string) bool { return name == "error" || strings.HasSuffix(name, "Exception") }

// failure is an exception that came in the place of an answer or in its middle. A
// name may have that of its service before it.
func failure(name string) error {
	name = name[strings.LastIndexByte(name, '#')+1:]
	name = strings.ToLower(strings.TrimSuffix(name, "Exception"))
	switch name {
	case "accessdenied", "unrecognizedclient", "expiredtoken", "invalidsignature":
		return wire.KeyRefused(nil)
	}
	return wire.Failed(reasons[name], llm.ToldFailure{Status: statuses[name]})
}

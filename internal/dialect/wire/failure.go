package wire

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// failureStatuses are the HTTP statuses of what providers call their failures, by
// OpenAI's, Anthropic's and Google's documentation of errors.
var failureStatuses = map[string]int{
	"rate_limit_exceeded": 429, "insufficient_quota": 429, "server_error": 500, "invalid_prompt": 400,
	"context_length_exceeded": 400,

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

// tooLong are the words, in small letters, in which services tell that a prompt is longer
// than their model takes. Only OpenAI and llama.cpp have a code for it.
var tooLong = []string{
	"context_length_exceeded", "exceed_context_size_error",
	"prompt is too long", "exceed context limit", // Anthropic
	"input is too long",                            // Bedrock
	"exceeds the maximum number of tokens allowed", // Gemini
	"exceeds the context window",                   // OpenAI's Responses
	"maximum context length",                       // OpenAI, Azure, DeepSeek, Mistral, OpenRouter, vLLM
	"maximum model length",                         // vLLM
	"maximum prompt length",                        // xAI
	"reduce the length of the messages",            // Groq
	"longer than the model's context length",       // Together
	"prompt too long",                              // Ollama
	"exceeds the available context size",           // llama.cpp
	"greater than the context length",              // LM Studio
	"context window exceeds limit",                 // MiniMax
	"exceeded model token limit",                   // Moonshot
}

// TooLong says whether an error object, or the text that stands in its place, tells that the
// prompt is longer than the model takes. OpenRouter has the words of who ran it in metadata.
func TooLong(failure llm.Value) bool {
	for _, said := range []llm.Value{
		failure, failure.Get("message"), failure.Get("code"), failure.Get("type"), failure.Get("metadata").Get("raw"),
	} {
		text := strings.ToLower(said.Text())
		if slices.ContainsFunc(tooLong, func(words string) bool { return strings.Contains(text, words) }) {
			return true
		}
	}
	return false
}

// ToldBy is the failure that an error object inside of a success tells.
func ToldBy(failure llm.Value) llm.ToldFailure {
	told := llm.ToldFailure{Status: FailureStatus(failure), TooLong: TooLong(failure)}
	if told.TooLong && told.Status == 0 {
		told.Status = http.StatusBadRequest // the request is at fault, and no provider ill
	}
	return told
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

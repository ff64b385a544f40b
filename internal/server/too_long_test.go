package server

import (
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// What services say of a prompt that is longer than their model takes.
var tooLongWords = map[string]struct {
	dialect llm.Dialect
	body    string
}{
	"Anthropic":              {llm.Messages, `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 213462 tokens > 200000 maximum"}}`},
	"with an answer":         {llm.Messages, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"input length and `max_tokens` exceed context limit: 187254 + 20000 > 204798, decrease input length or `max_tokens` and try again\"}}"},
	"Bedrock":                {llm.Converse, `{"message":"Input is too long for requested model."}`},
	"Claude there":           {llm.Converse, `{"message":"The model returned the following errors: prompt is too long: 213462 tokens > 200000 maximum"}`},
	"Gemini":                 {llm.Gemini, `{"error":{"code":400,"message":"The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}}`},
	"Google's other address": {llm.Chat, `[{"error":{"code":400,"message":"The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}}]`},
	"OpenAI":                 {llm.Chat, `{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 128600 tokens. Please reduce the length of the messages.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`},
	"OpenAI's Responses":     {llm.Responses, `{"error":{"message":"Your input exceeds the context window of this model. Please adjust your input and try again.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}`},
	"vLLM":                   {llm.Chat, `{"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 5000 output tokens and your prompt contains at least 3000 input tokens, for a total of at least 8000 tokens.","type":"BadRequestError","param":null,"code":400}}`},
	"vLLM before":            {llm.Chat, `{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.","type":"BadRequestError","param":null,"code":400}`},
	"Mistral":                {llm.Chat, `{"object":"error","message":"Prompt contains 300000 tokens and 0 draft tokens, too large for model with 131072 maximum context length","type":"invalid_request_error","code":"3051"}`},
	"Groq":                   {llm.Chat, `{"error":{"message":"Please reduce the length of the messages or completion.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`},
	"xAI":                    {llm.Chat, `{"code":"Client specified an invalid argument","error":"This model's maximum prompt length is 131072 but the request contains 537812 tokens."}`},
	"OpenRouter":             {llm.Chat, `{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 213462 tokens > 200000 maximum\"}}","provider_name":"Anthropic"}}}`},
	"Together":               {llm.Chat, `{"error":{"message":"The input (140000 tokens) is longer than the model's context length (131072 tokens).","type":"invalid_request_error","param":null,"code":null}}`},
	"Ollama":                 {llm.Chat, `{"error":{"message":"prompt too long; exceeded max context length by 12 tokens","type":"invalid_request_error","param":null,"code":null}}`},
	"llama.cpp":              {llm.Chat, `{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}}`},
	"LM Studio":              {llm.Chat, `{"error":"Trying to keep the first 9000 tokens when context the overflows. However, the number of tokens to keep from the initial prompt is greater than the context length."}`},
}

// Clients make a conversation shorter when they are told in the words of their own API that
// it is too long.
func TestPromptTooLong(t *testing.T) {
	t.Parallel()
	const code = `"type":"invalid_request_error","code":"context_length_exceeded"`
	for name, row := range tooLongWords {
		refused := &llm.UpstreamError{Dialect: row.dialect, Status: 400, Body: []byte(row.body)}
		for _, client := range []struct {
			surface surface
			same    bool // the provider's refusal is in the client's own dialect
			want    string
		}{
			{chatSurface, row.dialect == llm.Chat, code},
			{responsesSurface, row.dialect == llm.Responses, code},
			{messagesSurface, row.dialect == llm.Messages, "prompt is too long"},
		} {
			got := told(client.surface, refused)
			if client.same && got != row.body {
				t.Errorf("%s, %s: got %s, not what the provider said", name, client.surface.dialect, got)
			}
			if !client.same && !strings.Contains(got, client.want) {
				t.Errorf("%s, %s: got %s, want %s in it", name, client.surface.dialect, got, client.want)
			}
		}
	}
	for body, status := range map[string]int{
		`{"message":"Too many tokens, please wait: prompt is too long."}`:                     429,
		`{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: 1"}}`: 400,
		`<html>prompt is too long</html>`:                                                     400,
	} {
		got := told(chatSurface, &llm.UpstreamError{Dialect: llm.Messages, Status: status, Body: []byte(body)})
		if strings.Contains(got, "context_length_exceeded") {
			t.Errorf("%d %s: got %s", status, body, got)
		}
	}
}

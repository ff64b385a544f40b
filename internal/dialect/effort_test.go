package dialect_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/converse"
	"github.com/sallyport-ai/sallyport/internal/dialect/gemini"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// toldOf is how much to think as a provider is told it.
type toldOf struct {
	Effort       string `json:"reasoning_effort"`
	OutputConfig struct {
		Effort string
		Format json.RawMessage
	} `json:"output_config"`
	Thinking struct {
		Type   string
		Budget int `json:"budget_tokens"`
	}
	More       *toldOf `json:"additionalModelRequestFields"`
	Generation struct {
		Thinking struct {
			Budget int    `json:"thinkingBudget"`
			Level  string `json:"thinkingLevel"`
		} `json:"thinkingConfig"`
	} `json:"generationConfig"`
}

// told is that in one text; "": nothing.
func told(t *testing.T, body []byte) string {
	t.Helper()
	var b toldOf
	if err := json.Unmarshal(body, &b); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if b.More != nil {
		b.OutputConfig, b.Thinking = b.More.OutputConfig, b.More.Thinking
	}
	if b.Thinking.Type != "" {
		return fmt.Sprintf("%s %d", b.Thinking.Type, b.Thinking.Budget)
	}
	if n := b.Generation.Thinking.Budget; n > 0 {
		return fmt.Sprint(n)
	}
	return b.Effort + b.OutputConfig.Effort + b.Generation.Thinking.Level
}

// A model of Anthropic is told how much to think as its generation takes it, and
// only where it would not refuse that.
func TestEffortToClaude(t *testing.T) {
	t.Parallel()
	call := `{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"y"}`
	for _, tt := range []struct{ target, more, want string }{
		{"claude-opus-4-6", `"reasoning_effort":"high"`, "high"},
		{"claude-opus-4-6", `"reasoning_effort":"minimal"`, "low"},
		{"claude-opus-4-6", `"reasoning_effort":"xhigh"`, "high"},
		{"claude-opus-4-7", `"reasoning_effort":"xhigh"`, "xhigh"},
		{"claude-opus-4-5-20251101", `"reasoning_effort":"max"`, "high"},
		{"claude-opus-4-6", `"reasoning_effort":"odd"`, ""},
		{"claude-opus-4-6", `"temperature":0.5,"reasoning_effort":"low"`, "low"}, // needs no thinking
		{"claude-opus-4-6", `"reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}`, "low"},
		{"claude-opus-9", `"reasoning_effort":"high"`, ""},
		{"claude-opus-4-6", `"seed":1`, ""},

		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"reasoning_effort":"high"`, "enabled 24576"},
		{"claude-sonnet-4-5-20250929", `"max_tokens":20000,"reasoning_effort":"high"`, "enabled 10000"},
		{"claude-sonnet-4-5-20250929", `"max_tokens":2048,"reasoning_effort":"medium"`, "enabled 1024"},
		{"claude-sonnet-4-5-20250929", `"max_tokens":2047,"reasoning_effort":"medium"`, ""},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"reasoning_effort":"none"`, ""},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"temperature":1,"top_p":0.95,"reasoning_effort":"low"`, "enabled 1024"},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"temperature":0.5,"reasoning_effort":"low"`, ""},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"top_p":0.9,"reasoning_effort":"low"`, ""},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"top_k":5,"reasoning_effort":"low"`, ""},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"reasoning_effort":"low","tools":[` + chatFn + `]`, "enabled 1024"},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"reasoning_effort":"low","tools":[` + chatFn + `],"tool_choice":"required"`, ""},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"reasoning_effort":"low","messages":[` + hi + `,{"role":"assistant","content":"So"}]`, ""},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"reasoning_effort":"low","messages":[` + hi + `,{"role":"assistant","content":"So"},` + hi + `]`, "enabled 1024"},
		{"claude-sonnet-4-5-20250929", `"max_tokens":50000,"reasoning_effort":"low","tools":[` + chatFn + `],"messages":[` + hi + `,` + call + `]`, ""},
		{"claude-3-5-sonnet-20241022", `"max_tokens":50000,"reasoning_effort":"low"`, ""},
	} {
		req, err := chat.Decode(over(t, sources[0].least, tt.more))
		if err != nil {
			t.Fatalf("%s: %v", tt.more, err)
		}
		for name, encode := range map[string]func() ([]byte, error){
			"messages": func() ([]byte, error) { return messages.Encode(req, tt.target, 4096) },
			"converse": func() ([]byte, error) { return converse.Encode(req, "eu.anthropic."+tt.target+"-v1:0") },
		} {
			body, err := encode()
			if err != nil {
				t.Fatalf("%s %s: %v", name, tt.more, err)
			}
			if got := told(t, body); got != tt.want {
				t.Errorf("%s to %s by %s: got %q, want %q", tt.more, tt.target, name, got, tt.want)
			}
		}
	}
	req, err := responses.Decode([]byte(`{"model":"m","input":"x","reasoning":{"effort":"low"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := messages.Encode(req, "claude-sonnet-4-5", 4096); err != nil || told(t, body) != "enabled 1024" {
		t.Errorf("of Responses: got %s, %v", body, err)
	}
	if body, err := converse.Encode(req, "anthropic.claude-sonnet-4-5-v1:0"); err != nil || told(t, body) != "" {
		t.Errorf("without a bound: got %s, %v", body, err)
	}
}

// What a client of Anthropic asks, by a word or a budget, is told to models of
// others.
func TestEffortFromMessages(t *testing.T) {
	t.Parallel()
	openAI := func(target string) func(*llm.Request) ([]byte, error) {
		return func(r *llm.Request) ([]byte, error) { return chat.EncodeForeign(r, target, chat.Flavour{}) }
	}
	google := func(target string) func(*llm.Request) ([]byte, error) {
		return func(r *llm.Request) ([]byte, error) { return gemini.Encode(r, target) }
	}
	bedrock := func(target string) func(*llm.Request) ([]byte, error) {
		return func(r *llm.Request) ([]byte, error) { return converse.Encode(r, "eu.anthropic."+target+"-v1:0") }
	}
	const budget = `"max_tokens":64000,"thinking":{"type":"enabled","budget_tokens":%d}`
	for _, tt := range []struct {
		name, more string
		encode     func(*llm.Request) ([]byte, error)
		want       string
	}{
		{"gpt-5", `"output_config":{"effort":"medium"}`, openAI("gpt-5-2025-08-07"), "medium"},
		{"gpt-5", `"output_config":{"effort":"max"}`, openAI("gpt-5"), "high"},
		{"o3", fmt.Sprintf(budget, 1024), openAI("o3"), "low"},
		{"o3", fmt.Sprintf(budget, 10000), openAI("o3"), "medium"},
		{"o3", fmt.Sprintf(budget, 31999), openAI("o3"), "high"},
		{"o3", fmt.Sprintf(budget, 31999) + `,"output_config":{"effort":"low"}`, openAI("o3"), "low"},
		{"o3", `"thinking":{"type":"disabled"}`, openAI("o3"), ""},
		{"gpt-4o", fmt.Sprintf(budget, 1024), openAI("gpt-4o"), ""}, // which refuses it
		{"claude", fmt.Sprintf(budget, 31999), bedrock("claude-opus-4-5-20251101"), "high"},
		{"claude", fmt.Sprintf(budget, 63999), bedrock("claude-sonnet-4-5-20250929"), "enabled 63999"},
		{"gemini 2.5", fmt.Sprintf(budget, 10000), google("gemini-2.5-pro"), "8192"},
		{"gemini 3", fmt.Sprintf(budget, 31999), google("gemini-3-pro"), "high"},
		{"gemini 3", `"output_config":{"effort":"low"}`, google("gemini-3-pro"), "low"},
	} {
		req, err := messages.Decode(over(t, sources[1].least, tt.more))
		if err != nil {
			t.Fatalf("%s: %v", tt.more, err)
		}
		if body, err := tt.encode(req); err != nil || told(t, body) != tt.want {
			t.Errorf("%s to %s: got %s, %v, want %q", tt.more, tt.name, body, err, tt.want)
		}
	}
}

package provider_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// Vertex AI differs by its credential alone: see TestVertexToken.
func TestGeminiContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, openGemini)
}

func TestBedrockContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, openBedrock)
}

func openGemini(t *testing.T, cfg provider.Config) provider.Provider {
	t.Helper()
	cfg.Type = "gemini"
	return newProvider(t, cfg)
}

// openBedrock makes a provider that signs.
func openBedrock(t *testing.T, cfg provider.Config) provider.Provider {
	t.Helper()
	cfg.Type, cfg.Region, cfg.APIKey = "bedrock", "eu-central-1", "AKIDEXAMPLE:"+cfg.APIKey
	return newProvider(t, cfg)
}

// A client of chat completions gets a stream of its own dialect.
func TestForeignAnswersForChat(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]providertest.Open{"gemini": openGemini, "bedrock": openBedrock} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := providertest.New(t)
			fake.Queue(providertest.Answer{
				Thinking: "Hm.", Text: "I look.", Usage: &llm.Usage{Input: 7, CachedInput: 5, Output: 2},
				Tools: []providertest.ToolCall{{ID: "a", Name: "f", Arguments: `{"x":"y"}`}, {ID: "b", Name: "g", Arguments: "{}"}},
			})
			p := open(t, provider.Config{Name: "fake", BaseURL: fake.URL, APIKey: "the-key", AllowPrivate: true})
			req := providertest.Ask(t, "hello", true)
			req.UsageAsked = true
			encoder := chat.NewEncoder(req, time.Unix(1, 0))
			var stream strings.Builder
			_, err := p.Do(t.Context(), "m", req, func(e *llm.Event) error {
				frames, err := encoder.Event(e)
				stream.Write(frames)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			const want = `role:assistant|reasoning:Hm.|content:I |content:look.|call 0 a f|args 0 {"x":"y"}|call 1 b g|args 1 {}|finish:tool_calls|usage:12+2, 5 cached|[DONE]`
			if got := told(t, stream.String()); got != want {
				t.Errorf("got  %s\nwant %s\n%s", got, want, stream.String())
			}
		})
	}
}

// told writes down what a chat stream says; pieces of one call's arguments are joined.
func told(t *testing.T, stream string) string {
	t.Helper()
	var all []string
	add := func(text string) {
		last := len(all) - 1
		if last >= 0 && strings.HasPrefix(text, "args ") && strings.HasPrefix(all[last], text[:len("args 0 ")]) {
			all[last] += text[len("args 0 "):]
			return
		}
		all = append(all, text)
	}
	for frame := range strings.SplitSeq(strings.TrimSpace(stream), "\n\n") {
		data := strings.TrimPrefix(frame, "data: ")
		if data == "[DONE]" {
			add(data)
			continue
		}
		var chunk struct {
			Choices []struct {
				Delta struct {
					Role, Content string
					Reasoning     string `json:"reasoning_content"`
					ToolCalls     []struct {
						Index    json.Number
						ID       string
						Function struct{ Name, Arguments string }
					} `json:"tool_calls"`
				}
				FinishReason string `json:"finish_reason"`
			}
			Usage *struct {
				Prompt  json.Number `json:"prompt_tokens"`
				Output  json.Number `json:"completion_tokens"`
				Details struct {
					Cached json.Number `json:"cached_tokens"`
				} `json:"prompt_tokens_details"`
			}
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		for _, c := range chunk.Choices {
			for word, text := range map[string]string{"role": c.Delta.Role, "content": c.Delta.Content, "reasoning": c.Delta.Reasoning, "finish": c.FinishReason} {
				if text != "" {
					add(word + ":" + text)
				}
			}
			for _, call := range c.Delta.ToolCalls {
				if call.ID != "" {
					add("call " + call.Index.String() + " " + call.ID + " " + call.Function.Name)
				}
				if call.Function.Arguments != "" {
					add("args " + call.Index.String() + " " + call.Function.Arguments)
				}
			}
		}
		if u := chunk.Usage; u != nil {
			add("usage:" + u.Prompt.String() + "+" + u.Output.String() + ", " + u.Details.Cached.String() + " cached")
		}
	}
	return strings.Join(all, "|")
}

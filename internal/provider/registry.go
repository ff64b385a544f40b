package provider

import (
	"fmt"
	"slices"
	"strings"
)

// compatible are the services that speak OpenAI's chat completions, with their
// well-known addresses. "" means that everyone has an address of their own.
var compatible = map[string]string{
	"openai":        "https://api.openai.com/v1",
	"azure":         "",
	"groq":          "https://api.groq.com/openai/v1",
	"gemini-openai": geminiURL + "/openai",
	"mistral":       "https://api.mistral.ai/v1",
	"deepseek":      "https://api.deepseek.com/v1",
	"xai":           "https://api.x.ai/v1",
	"openrouter":    "https://openrouter.ai/api/v1",
	"together":      "https://api.together.xyz/v1",
	"vllm":          "http://127.0.0.1:8000/v1",
	"ollama":        "http://127.0.0.1:11434/v1",
	"lmstudio":      "http://127.0.0.1:1234/v1",
}

// New returns the provider that cfg describes. Errors name the field that is
// wrong and are for who wrote cfg.
func New(cfg Config) (Provider, error) {
	if len(cfg.APIKeys) > 0 {
		return newPool(cfg)
	}
	switch cfg.Type {
	case "anthropic":
		return newAnthropic(cfg)
	case "gemini":
		return newGemini(cfg)
	case "vertex":
		return newVertex(cfg)
	case "bedrock":
		return newBedrock(cfg)
	case "offline":
		return newOffline(cfg)
	}
	address, known := compatible[cfg.Type]
	if !known {
		return nil, fmt.Errorf("provider %q: type %q is unknown; known are %s", cfg.Name, cfg.Type, strings.Join(Types(), ", "))
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = address
	}
	return newOpenAI(cfg)
}

// Check says what is wrong with cfg, in the words of New. It asks nobody.
func Check(cfg Config) error {
	_, err := New(cfg)
	return err
}

// Types returns the values that Config.Type may have, sorted.
func Types() []string {
	types := []string{"anthropic", "bedrock", "gemini", "offline", "vertex"}
	for name := range compatible {
		types = append(types, name)
	}
	slices.Sort(types)
	return types
}

package wire

import "testing"

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		target, name string
		want         bool
	}{
		{"claude-opus-4-5", "claude-opus-4-5", true},
		{"claude-opus-4-5-20251101", "claude-opus-4-5", true},
		{"claude-opus-4-5@20251101", "claude-opus-4-5", true},
		{"eu.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5", true},
		{"anthropic.claude-opus-4-6-v1", "claude-opus-4-6", true},
		{"claude-3-7-sonnet-latest", "claude-3-7-sonnet", true},
		{"o3-2025-04-16", "o3", true},
		{"openai/gpt-5", "gpt-5", true},
		{"claude-opus-4-5", "claude-opus-4", false},
		{"claude-opus-4-10", "claude-opus-4", false},
		{"claude-opus-40", "claude-opus-4", false},
		{"gpt-5.2", "gpt-5", false},
		{"gpt-5-chat-latest", "gpt-5", false},
		{"gpt-5-mini", "gpt-5", false},
		{"turbo3", "o3", false},
		{"", "o3", false},
	} {
		if got := names(tt.target, tt.name); got != tt.want {
			t.Errorf("names(%q, %q) = %t", tt.target, tt.name, got)
		}
	}
}

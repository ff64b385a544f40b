package tokenizer_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tiktoken-go/tokenizer/codec"

	"github.com/sallyport-ai/sallyport/internal/tokenizer"
)

// The ids of "tiktoken is great!" are those that OpenAI's own documentation of tiktoken shows.
func TestDecode(t *testing.T) {
	t.Parallel()
	e := tokenizer.Of("text-embedding-3-small")
	for want, ids := range map[string][]int64{
		"tiktoken is great!": {83, 1609, 5963, 374, 2294, 0},
		"":                   nil,
		"\uFFFD":             {9468}, // the beginning of an emoji, whose rest is another token
	} {
		if got, err := e.Decode(slices.Values(ids), 100); err != nil || got != want {
			t.Errorf("%v: got %q, %v, want %q", ids, got, err, want)
		}
	}
	for name, id := range map[string]int64{"negative": -1, "past the last": 100_277, "of no text": 100_256, "a mark": 100_257, "far": math.MaxInt64} {
		if got, err := e.Decode(slices.Values([]int64{83, id}), 100); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

// Any text comes back, also one longer than is decoded at a time.
func TestDecode_whole(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("Grüße, 世界 🌍! ann@example.test 4111 1111 1111 1111\n", 500)
	tokens, _, err := codec.NewCl100kBase().Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, len(tokens))
	for i, id := range tokens {
		ids[i] = int64(id)
	}
	for _, name := range []string{"text-embedding-3-large", "text-embedding-ada-002", "openai/text-embedding-3-small"} {
		if got, err := tokenizer.Of(name).Decode(slices.Values(ids), len(text)); err != nil || got != text {
			t.Errorf("%s: the text of %d tokens did not come back: %v", name, len(ids), err)
		}
	}
	if _, err := tokenizer.Of("text-embedding-3-small").Decode(slices.Values(ids), len(text)-1); !errors.Is(err, tokenizer.ErrTooLong) {
		t.Errorf("one byte too long: got %v", err)
	}
}

// Of ids without end no more are taken than tell that their text is too long.
func TestDecode_stops(t *testing.T) {
	t.Parallel()
	const most, enough = 10_000, 10_000
	taken := 0
	endless := func(yield func(int64) bool) {
		for yield(58040) { // 128 spaces
			if taken++; taken > enough {
				t.Errorf("%d ids were taken for a text of %d bytes", taken, most)
				return
			}
		}
	}
	if _, err := tokenizer.Of("text-embedding-3-small").Decode(endless, most); !errors.Is(err, tokenizer.ErrTooLong) {
		t.Errorf("got %v", err)
	}
}

func TestOf_unknown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "gpt-5", "text-embedding-3-small-ours", "mistral-embed", "text-search-ada-doc-001"} {
		if tokenizer.Of(name) != nil {
			t.Errorf("%q has an encoding", name)
		}
	}
}

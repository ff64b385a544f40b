package wire_test

import (
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		`null`: 0, `0`: 0, `7`: 7, `7.0`: 7, `-3`: -3,
		`1.5`: wire.NoTokens, `"7"`: wire.NoTokens, `"1e300"`: wire.NoTokens, `{}`: wire.NoTokens, `true`: wire.NoTokens, `-0.5`: wire.NoTokens,
		`9223372036854775807`: wire.TokensMax, `9223372036854775808`: wire.TokensMax, `1e300`: wire.TokensMax, `1e400`: wire.TokensMax,
		`-9223372036854775808`: -wire.TokensMax, `-1e400`: -wire.TokensMax,
	} {
		doc, err := llm.Parse([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if got := wire.Tokens(doc.Root()); got != want {
			t.Errorf("%s: got %d, want %d", in, got, want)
		}
		if got := wire.TokensWithin(doc.Root()); got != max(want, 0) {
			t.Errorf("%s within another: got %d, want %d", in, got, max(want, 0))
		}
	}
	if got := wire.Tokens(llm.Value{}); got != 0 {
		t.Errorf("absent: got %d", got)
	}
}

func TestTokensLeft(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ total, output, want int64 }{
		{10, 3, 7}, {10, 0, 10}, {10, wire.NoTokens, 10},
		{0, 3, wire.NoTokens}, {3, 3, wire.NoTokens}, {2, 3, wire.NoTokens}, {wire.NoTokens, 3, wire.NoTokens}, {0, 0, wire.NoTokens},
	} {
		if got := wire.TokensLeft(tt.total, tt.output); got != tt.want {
			t.Errorf("of %d with an output of %d: got %d, want %d", tt.total, tt.output, got, tt.want)
		}
	}
}

func TestTokens_absent(t *testing.T) {
	t.Parallel()
	total := func(json string) llm.Value {
		doc, err := llm.Parse([]byte(json))
		if err != nil {
			t.Fatal(err)
		}
		return doc.Root()
	}
	for json, want := range map[string]int64{`null`: wire.NoTokens, `0`: 0, `7`: 7, `"7"`: wire.NoTokens} {
		if got := wire.TokensTold(total(json)); got != want {
			t.Errorf("%s: got %d, want %d", json, got, want)
		}
	}
	for _, tt := range []struct {
		total       string
		input, want int64
	}{{`10`, 7, 3}, {`7`, 7, 0}, {`6`, 7, wire.NoTokens}, {`null`, 0, wire.NoTokens}, {`7`, wire.NoTokens, wire.NoTokens}, {`"9"`, 7, wire.NoTokens}} {
		if got := wire.OutputLeft(total(tt.total), tt.input); got != tt.want {
			t.Errorf("of %s with an input of %d: got %d, want %d", tt.total, tt.input, got, tt.want)
		}
	}
}

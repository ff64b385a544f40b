package responses

import (
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The input that a provider leaves out is told by its total, or by nothing.
func TestReadUsage(t *testing.T) {
	for body, want := range map[string]llm.Usage{
		`{"input_tokens":7,"output_tokens":3,"total_tokens":10}`:                                               {Input: 7, Output: 3},
		`{"output_tokens":3,"total_tokens":10}`:                                                                {Input: 7, Output: 3},
		`{"input_tokens":null,"output_tokens":3,"total_tokens":10,"input_tokens_details":{"cached_tokens":2}}`: {Input: 5, CachedInput: 2, Output: 3},
		`{"output_tokens":3}`: {Input: wire.NoTokens, Output: 3},
		`{"input_tokens":null,"output_tokens":3,"total_tokens":"many"}`:                        {Input: wire.NoTokens, Output: 3},
		`{"output_tokens":3,"total_tokens":3}`:                                                 {Input: wire.NoTokens, Output: 3},
		`{"output_tokens":3,"total_tokens":-9}`:                                                {Input: wire.NoTokens, Output: 3},
		`{"output_tokens":3,"input_tokens_details":{"cached_tokens":2}}`:                       {Input: wire.NoTokens - 2, CachedInput: 2, Output: 3},
		`{"input_tokens":7}`:                                                                   {Input: 7, Output: wire.NoTokens},
		`{"input_tokens":7,"total_tokens":9}`:                                                  {Input: 7, Output: 2},
		`{"input_tokens":7,"total_tokens":7}`:                                                  {Input: 7},
		`{"input_tokens":7,"total_tokens":6}`:                                                  {Input: 7, Output: wire.NoTokens},
		`{"input_tokens":"x","total_tokens":6}`:                                                {Input: wire.NoTokens, Output: wire.NoTokens},
		`{"input_tokens":7,"output_tokens":"many"}`:                                            {Input: 7, Output: wire.NoTokens},
		`{"input_tokens":7,"output_tokens":3,"input_tokens_details":{"cached_tokens":"many"}}`: {Input: 7, Output: 3},
	} {
		doc, err := llm.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		var got llm.Usage
		if !readUsage(doc.Root(), &got) || got != want {
			t.Errorf("%s: got %+v, want %+v", body, got, want)
		}
	}
}

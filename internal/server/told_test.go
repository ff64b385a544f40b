package server

import (
	"testing"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

func TestToldBy(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"error":{"message":"Slow down.","code":429}}`:        "Slow down.",
		`{"message":"Too many tokens."}`:                       "Too many tokens.",
		`{"error":{"message":""},"message":"The other one."}`:  "The other one.",
		`{"code":"Too many","error":"Slow down."}`:             "Slow down.",
		`[{"error":{"message":"Slow down."}},{"message":"b"}]`: "Slow down.",
		`{"error":7}`: "The provider refused the call.",
		`[]`:          "The provider refused the call.",
		`<html>`:      "The provider refused the call.",
	} {
		if got := toldBy(&llm.UpstreamError{Body: []byte(body)}); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

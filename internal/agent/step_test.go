package agent

import (
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// A provider that is busy is asked again, be it without a word, when it says so.
func TestMayPass(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		code  sallyport.Code
		cause error
		again bool
	}{
		"busy":                   {sallyport.UpstreamError, &llm.UpstreamError{Status: 503, Body: []byte("{}")}, true},
		"busy, without a word":   {sallyport.UpstreamEmptyBody, &llm.UpstreamError{Status: 503}, true},
		"busy, in a success":     {sallyport.UpstreamError, &llm.ToldFailure{Status: 529}, true},
		"refused":                {sallyport.UpstreamError, &llm.UpstreamError{Status: 400, Body: []byte("{}")}, false},
		"refused without a word": {sallyport.UpstreamEmptyBody, &llm.UpstreamError{Status: 400}, false},
		"an empty success":       {sallyport.UpstreamEmptyBody, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mayPass(sallyport.WrapError(tt.code, "no", tt.cause)); got != tt.again {
				t.Errorf("is it asked again: %t", got)
			}
		})
	}
	refused := &llm.UpstreamError{Status: 429, RetryAfter: "900", RetryAfterMS: "1500"}
	if wait := retryAfter(sallyport.WrapError(sallyport.UpstreamError, "no", refused)); wait.Milliseconds() != 1500 {
		t.Errorf("the wait is %s", wait)
	}
}

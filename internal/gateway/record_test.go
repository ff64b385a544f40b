package gateway

import (
	"errors"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// An answer that broke off after a count of input that is none does not make the
// input free.
func TestUsedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	call := admitted(t)
	call.sent, call.BytesIn = true, 400
	call.Usage, call.UsageKnown, call.inputUntold = sallyport.Usage{Output: 1}, true, true
	usage, estimated := (&Gateway{}).used(call, errors.New("cut"))
	if usage.Input == 0 || !estimated {
		t.Errorf("used is %+v, estimated %t", usage, estimated)
	}
}

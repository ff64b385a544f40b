package wire_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
)

func TestCallID(t *testing.T) {
	t.Parallel()
	taken := regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	for _, id := range []string{"call_1-A", "toolu_01", strings.Repeat("a", 64)} {
		if got := wire.CallID(id); got != id {
			t.Errorf("got %q of %q, which is taken as it is", got, id)
		}
	}
	seen := make(map[string]string)
	for _, id := range []string{"functions.read:0", "functions.read:1", "functions_read.0", "ø", "☃", "[", "{", strings.Repeat("a", 65), strings.Repeat("a", 66)} {
		got := wire.CallID(id)
		if !taken.MatchString(got) || got != wire.CallID(id) {
			t.Errorf("got %q of %q", got, id)
		}
		if other, twice := seen[got]; twice {
			t.Errorf("got %q of %q and of %q", got, other, id)
		}
		seen[got] = id
	}
}

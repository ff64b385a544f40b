package dlp

import (
	"slices"
	"strings"
	"testing"
)

// However a text is cut into pieces, no piece shows anything of a hidden value, and
// the pieces are together what the whole would be.
func TestAgainCut(t *testing.T) {
	t.Parallel()
	policy := Policy{Mode: Enforce, Out: map[string]Action{"*": Redact}}
	const text = "mail ann@example.test, card 4111 1111 1111 1111 and bob@example.test"
	const want = "mail [REDACTED:EMAIL_ADDRESS], card [REDACTED:CREDIT_CARD] and [REDACTED:EMAIL_ADDRESS]"
	words := strings.SplitAfter(text, " ")
	for n := 1; n <= len(words); n++ {
		var pieces []string
		for _, some := range slices.Collect(slices.Chunk(words, n)) {
			pieces = append(pieces, strings.Join(some, ""))
		}
		screen := newScreen(policy)
		got, err := screen.AgainCut(pieces)
		if err != nil || len(got) != len(pieces) || strings.Join(got, "") != want {
			t.Errorf("of %q: got %q, %v", pieces, got, err)
		}
		if again, err := screen.AgainCut([]string{"nothing", "to", "hide 41"}); err != nil || !slices.Equal(again, []string{"nothing", "to", "hide 41"}) {
			t.Errorf("got %q, %v", again, err)
		}
	}
	if got, err := newScreen(policy).AgainCut([]string{"4111", "1111", "1111", "1111"}); err != nil || !slices.Equal(got, []string{"[REDACTED:CREDIT_CARD]", "", "", ""}) {
		t.Errorf("without spaces: got %q, %v", got, err)
	}
	blocking := newScreen(Policy{Mode: Enforce, Out: map[string]Action{"*": Block}})
	if _, err := blocking.AgainCut([]string{"ann@", "x ann@example.test"}); err == nil {
		t.Error("what is blocked came through")
	}
	observing := newScreen(Policy{Mode: Observe, Out: map[string]Action{"*": Redact}})
	if got, err := observing.AgainCut(words); err != nil || !slices.Equal(got, words) {
		t.Errorf("observed: got %q, %v", got, err)
	}
}

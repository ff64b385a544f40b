package dlp

import (
	"strings"
	"testing"
)

const trialText = "Mail ann@example.com, card 4111 1111 1111 1111, phone +1 415 555 0132."

func TestTry(t *testing.T) {
	t.Parallel()
	key := "sk-ant-api03-" + strings.Repeat("aB3x", 10)
	answer := "Ask ann@example.com, or use " + key + "."
	for _, tt := range []struct {
		name    string
		policy  Policy
		answer  *string
		found   string // types and actions
		sent    string // has
		refused string
		back    string
		ended   string
	}{
		{name: "the default hides and restores", policy: DefaultPolicy(),
			found: "EMAIL_ADDRESS tokenize, CREDIT_CARD tokenize, PHONE_NUMBER tokenize", sent: "Mail ⟦EMAIL_ADDRESS:", back: trialText},
		{name: "redacted is gone", policy: Policy{In: map[string]Action{"contact": Redact}},
			found: "EMAIL_ADDRESS redact, PHONE_NUMBER redact", sent: "Mail [REDACTED:EMAIL_ADDRESS], card 4111", back: "[REDACTED:PHONE_NUMBER]"},
		{name: "blocked", policy: Policy{In: map[string]Action{"payment": Block}},
			found: "CREDIT_CARD block", refused: "1 CREDIT_CARD"},
		{name: "observed", policy: Policy{Mode: Observe, In: map[string]Action{"*": Block}},
			found: "EMAIL_ADDRESS block, CREDIT_CARD block, PHONE_NUMBER block", sent: trialText, back: trialText},
		{name: "off", policy: Policy{Mode: Off, In: map[string]Action{"*": Block}}, sent: trialText, back: trialText},
		{name: "allowed", policy: Policy{In: map[string]Action{"*": Redact}, Allow: []string{"ann@example.com"}},
			found: "CREDIT_CARD redact, PHONE_NUMBER redact", sent: "Mail ann@example.com, card [REDACTED", back: "ann@"},
		{name: "an answer of its own", policy: DefaultPolicy(), answer: &answer,
			found: "EMAIL_ADDRESS tokenize, CREDIT_CARD tokenize, PHONE_NUMBER tokenize", sent: "⟦", back: "use [REDACTED:ANTHROPIC_API_KEY]."},
		{name: "an answer that ends", policy: Policy{Out: map[string]Action{"secret": Block}}, answer: &answer,
			sent: trialText, ended: "1 ANTHROPIC_API_KEY"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := New().Plan(tt.policy).Try(trialText, tt.answer, testMAC("test"))
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, j := range got.Found {
				if value := trialText[j.Start:j.End]; value == "" || strings.Trim(value, " ,.") != value {
					t.Errorf("the place of %s is %q", j.Type, value)
				}
				found = append(found, j.Type+" "+string(j.Action))
			}
			if all := strings.Join(found, ", "); all != tt.found {
				t.Errorf("found %s, want %s", all, tt.found)
			}
			for name, pair := range map[string][2]string{
				"sent": {got.Sent, tt.sent}, "refused": {got.Refused, tt.refused}, "returned": {got.Returned, tt.back}, "ended": {got.Ended, tt.ended},
			} {
				if !strings.Contains(pair[0], pair[1]) || pair[1] == "" && pair[0] != "" {
					t.Errorf("%s: got %q, want %q", name, pair[0], pair[1])
				}
			}
			if strings.Contains(got.Sent+got.Returned, key) {
				t.Error("a secret came through")
			}
		})
	}
}

// BenchmarkTry is a trial of 16 kB, which must be there while the person still types.
func BenchmarkTry(b *testing.B) {
	text := strings.Repeat(trialText+" and so on. ", 16<<10/(len(trialText)+12))
	plan := New().Plan(DefaultPolicy())
	for b.Loop() {
		if _, err := plan.Try(text, nil, testMAC("bench")); err != nil {
			b.Fatal(err)
		}
	}
}

package dlp

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

func TestParsePolicy(t *testing.T) {
	t.Run("OK", func(t *testing.T) {
		p, err := ParsePolicy([]byte(`{"mode":"observe","in":{"*":"tokenize","secret":"block","EMAIL_ADDRESS":"keep"},"out":{"US_SSN":"redact"},
			"allow":["b","a","b"],"trusted_tools":["x"],"unreadable":"allow"}`))
		want := Policy{Observe, map[string]Action{"*": Tokenize, "secret": Block, "EMAIL_ADDRESS": Keep}, map[string]Action{"US_SSN": Redact},
			[]string{"a", "b"}, []string{"x"}, UnreadableAllow}
		if err != nil || !reflect.DeepEqual(p, want) {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("empty", func(t *testing.T) {
		p, err := ParsePolicy([]byte(`{}`))
		if err != nil || p.Mode != Enforce || p.Unreadable != UnreadableBlock {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("default", func(t *testing.T) {
		body, _ := json.Marshal(DefaultPolicy())
		p, err := ParsePolicy(body)
		if err != nil || p.Version() != DefaultPolicy().Version() {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	for body, says := range map[string]string{
		``:                              "not valid",
		`[]`:                            "not valid",
		`{"mode":"on"}`:                 `mode "on"`,
		`{"mod":"off"}`:                 `"mod"`,
		`{"in":{"EMAIL":"keep"}}`:       `"EMAIL"`,
		`{"in":{"secret":"drop"}}`:      `"drop"`,
		`{"in":{"secret":""}}`:          `""`,
		`{"out":{"secret":"tokenize"}}`: "out cannot tokenize",
		`{"unreadable":"maybe"}`:        `"maybe"`,
		`{} {}`:                         "other text",
		`{"allow":"x"}`:                 "not valid",
		strings.Repeat(" ", 1+1<<20):    "larger",
		`{"allow":[` + `"a"` + strings.Repeat(`,"a"`, AllowMax) + `]}`:         "allow",
		`{"trusted_tools":[` + `"a"` + strings.Repeat(`,"a"`, ToolsMax) + `]}`: "trusted_tools",
	} {
		if _, err := ParsePolicy([]byte(body)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("ParsePolicy(%.40s): %v", body, err)
		}
	}
}

func TestVersion(t *testing.T) {
	p := DefaultPolicy()
	if v := p.Version(); len(v) != versionLen || v != DefaultPolicy().Version() {
		t.Errorf("got %q", v)
	}
	seen := map[string]bool{p.Version(): true}
	for _, change := range []func(*Policy){
		func(p *Policy) { p.Mode = Off },
		func(p *Policy) { p.In = map[string]Action{"*": Redact} },
		func(p *Policy) { p.Out = map[string]Action{"*": Redact} },
		func(p *Policy) { p.Allow = []string{"x"} },
		func(p *Policy) { p.TrustedTools = []string{"x"} },
		func(p *Policy) { p.Unreadable = UnreadableAllow },
	} {
		p := DefaultPolicy()
		change(&p)
		if seen[p.Version()] {
			t.Errorf("%+v has the version of another", p)
		}
		seen[p.Version()] = true
	}
	a, b := Policy{Allow: []string{"x", "y"}}, Policy{Mode: Enforce, In: map[string]Action{}, Allow: []string{"y", "x"}, Unreadable: UnreadableBlock}
	if a.Version() != b.Version() {
		t.Error("equal policies have different versions")
	}
}

func TestStrictest(t *testing.T) {
	a := Policy{Mode: Observe, In: map[string]Action{"*": Tokenize, "EMAIL_ADDRESS": Keep, "secret": Redact}, Allow: []string{"x", "y"},
		TrustedTools: []string{"*"}, Unreadable: UnreadableAllow}
	b := Policy{Mode: Off, In: map[string]Action{"contact": Redact, "GITHUB_TOKEN": Block, "US_SSN": Keep}, Out: map[string]Action{"payment": Redact},
		Allow: []string{"y", "z"}, TrustedTools: []string{"mail"}, Unreadable: UnreadableAllow}
	for _, p := range []Policy{Strictest(a, b), Strictest(b, a)} {
		for _, typ := range Types() {
			for _, rules := range [][3]map[string]Action{{a.In, b.In, p.In}, {a.Out, b.Out, p.Out}} {
				want := stronger(actionFor(rules[0], typ.Name), actionFor(rules[1], typ.Name))
				if got := actionFor(rules[2], typ.Name); got != want {
					t.Errorf("%s: got %s want %s", typ.Name, got, want)
				}
			}
		}
		if p.Mode != Observe || !reflect.DeepEqual(p.Allow, []string{"y"}) || !reflect.DeepEqual(p.TrustedTools, []string{"mail"}) || p.Unreadable != UnreadableAllow {
			t.Errorf("got %+v", p)
		}
	}
	if p := Strictest(a, DefaultPolicy()); p.Mode != Enforce || p.Unreadable != UnreadableBlock || len(p.TrustedTools) != 0 {
		t.Errorf("got %+v", p)
	}
}

// What is kept of a call has no value that the policy hides, or would hide if it
// did more than observe; what it lets through by its own word it may have.
func TestHiding(t *testing.T) {
	const mail, card = "ann@example.com", "4111 1111 1111 1111"
	for name, tt := range map[string]struct {
		policy  Policy
		in, out string // what becomes of mail and card
	}{
		"the default":       {DefaultPolicy(), "T T", mail + " " + card},
		"blocks":            {Policy{In: map[string]Action{"*": Block}, Out: map[string]Action{"*": Block}}, "R R", "R R"},
		"keeps one":         {Policy{In: map[string]Action{"*": Redact, "EMAIL_ADDRESS": Keep}}, mail + " R", mail + " " + card},
		"enforces nothing":  {Policy{}, mail + " " + card, mail + " " + card},
		"observes":          {Policy{Mode: Observe, In: map[string]Action{"EMAIL_ADDRESS": Redact}}, "R T", "R R"},
		"observes nothing":  {Policy{Mode: Observe}, "T T", "R R"},
		"is off":            {Policy{Mode: Off}, "T T", "R R"},
		"is off but allows": {Policy{Mode: Off, Allow: []string{mail}}, mail + " T", mail + " R"},
	} {
		plan := New().Plan(tt.policy).Hiding()
		screen := plan.Screen(testMAC("test"), "session")
		text := mail + " " + card
		doc, err := llm.Parse(append(append([]byte(`{"content":`), llm.Quote(text)...), '}'))
		if err != nil {
			t.Fatal(err)
		}
		if err := screen.Request(doc, nil); err != nil {
			t.Errorf("%s: the request is refused: %v", name, err)
			continue
		}
		if got := hiddenAs(doc.Root().Get("content").Text()); got != tt.in {
			t.Errorf("%s: kept of the request is %q, want %q", name, got, tt.in)
		}
		answer := plan.Screen(testMAC("test"), "session")
		got, err := answer.Answer(TextID{Kind: llm.TextDelta}, "", text, true)
		if err != nil || hiddenAs(got) != tt.out {
			t.Errorf("%s: kept of the answer is %q, %v; want %q", name, got, err, tt.out)
		}
	}
}

var (
	tokenText    = regexp.MustCompile(`⟦[A-Z_]+:[a-z2-7]+⟧`)
	redactedText = regexp.MustCompile(`\[REDACTED:[A-Z_]+\]`)
)

// hiddenAs shortens placeholders to T and redactions to R.
func hiddenAs(text string) string {
	return redactedText.ReplaceAllString(tokenText.ReplaceAllString(text, "T"), "R")
}

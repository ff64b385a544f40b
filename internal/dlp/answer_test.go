package dlp

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

var textID = TextID{Kind: llm.TextDelta}
var argumentsID = TextID{Kind: llm.ToolArgumentsDelta}

// hideAll is a policy that hides every type both ways.
func hideAll() Policy {
	p := DefaultPolicy()
	p.Out = map[string]Action{"*": Redact}
	return p
}

var (
	testKey  = "ghp_" + filler(36, mixed)
	testURL  = "postgres://app:hunter2@db.internal/x"
	jsonArgs = `{"to":"ann@example.com","note":"key ` + testKey + `\nnext\u00e9 \ud83d\ude00","pan":4111111111111111,"n":[1,2.5],"phone":"4155550132"}`
)

func answerTexts() []string {
	return []string{
		"",
		"Plain prose, of the sort that most answers are made of. It flows.",
		"Write to ann.lee@example.com or bob@example.org, then call +1 (415) 555-0132 x 42.",
		"Pay 4111 1111 1111 1111 or DE75 5121 0800 1245 1261 99, SSN 536-22-8726; phone: 4155550132 office",
		"The key is " + testKey + ". And sk-proj-" + filler(40, mixed) + ", AKIA" + filler(16, upper) + "!",
		"Before\n" + testKeyBlock + "\nafter it ann@example.com",
		"-----BEGIN PRIVATE KEY-----\n" + filler(100, mixed) + " without an end",
		"`-----BEGIN PRIVATE KEY-----` is a first line. ---- and -- are dashes. " + strings.Repeat("More prose follows. ", 20),
		"Dates 2024-05-06 12:30, versions 1.2.3, addresses 192.168.1.100, 550e8400-e29b-41d4-a716-446655440000 flow",
		"Connect " + testURL + " or https://example.com:8080/path?q=a@b",
		"Token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + filler(43, mixed) + ".",
		"⟦EMAIL_ADDRESS:aaaaaaaaaaaa⟧ is foreign, ⟦ is a bracket — “quoted” … 用户@例子.公司 jürgen@müller.example",
		"aaaa@bb.cc@dddd.ee@ff.gg sk-ghp_ g gh ghp ghp_ gho_x github_pa",
		"1 2 3 4111111111111111 5555555555554444 3782 822463 10005 12 34 56 78 90 12 34 56",
		strings.Repeat("w", 200) + "@example.com " + strings.Repeat("é", 80) + "@example.com",
		jsonArgs,
	}
}

// cut divides text at the offsets, which stand in order.
func cut(text string, offsets []int) []string {
	var pieces []string
	from := 0
	for _, to := range append(offsets, len(text)) {
		pieces = append(pieces, text[from:to])
		from = to
	}
	return pieces
}

// divisions calls f for many ways to cut text: at each place, in pieces of each
// size, and by chance.
func divisions(text string, random int, f func(pieces []string)) {
	for i := 0; i <= len(text); i += 1 + len(text)/2000 {
		f(cut(text, []int{i}))
	}
	for _, size := range []int{1, 2, 3, 5, 8, 16, 64} {
		var at []int
		for i := size; i < len(text); i += size {
			at = append(at, i)
		}
		f(cut(text, at))
	}
	rng := rand.New(rand.NewPCG(1, uint64(len(text))))
	for range random {
		var at []int
		for i := range len(text) {
			if rng.IntN(9) == 0 {
				at = append(at, i)
			}
		}
		f(cut(text, at))
	}
}

// run feeds pieces to a fresh screen and returns what came out.
func run(t testing.TB, s *Screen, id TextID, pieces []string) []string {
	t.Helper()
	var out []string
	for i, p := range pieces {
		emit, err := s.Answer(id, "tool", p, i == len(pieces)-1)
		if err != nil {
			t.Fatalf("Answer(%q): %v", p, err)
		}
		out = append(out, emit)
	}
	if s.Pending(id) {
		t.Fatal("text is held after the last piece")
	}
	return out
}

// screenWithTokens is a screen whose request held two values.
func screenWithTokens(t testing.TB, p Policy) (s *Screen, tokens map[string]string) {
	t.Helper()
	s = newScreen(p)
	body, _ := json.Marshal(map[string]string{"a": "ann@example.com", "b": "say \"" + testKeyBlock + "\""})
	doc, err := llm.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Request(doc, nil); err != nil {
		t.Fatal(err)
	}
	return s, s.tokens.byToken
}

// fresh is the screen as it was after its request.
func fresh(s *Screen) *Screen {
	c := *s
	c.flows, c.lastFlow, c.result.Counts = nil, nil, nil
	return &c
}

// hidden lists the pieces of a text that must not be seen in any emission.
func hidden(text string, want *wanted) []string {
	var halves []string
	for _, m := range New().Scan(text) {
		v := text[m.Start:m.End]
		if want.types[typeNamed(m.Type)] && len(v) >= 10 {
			halves = append(halves, v[:(len(v)+1)/2], v[len(v)/2:])
		}
	}
	return halves
}

func testStreams(t *testing.T, p Policy, id TextID, text string, random int) {
	t.Helper()
	base, _ := screenWithTokens(t, p)
	want := strings.Join(run(t, fresh(base), id, []string{text}), "")
	halves := hidden(text, base.out)
	divisions(text, random, func(pieces []string) {
		s := fresh(base)
		out := run(t, s, id, pieces)
		if got := strings.Join(out, ""); got != want {
			t.Fatalf("cut as %q\n got %q\nwant %q", pieces, got, want)
		}
		for _, emit := range out {
			for _, half := range halves {
				if strings.Contains(emit, half) && !strings.Contains(want, half) {
					t.Fatalf("cut as %q: %q was let out", pieces, emit)
				}
			}
		}
	})
}

func TestAnswer_streamed_equals_whole(t *testing.T) {
	_, tokens := screenWithTokens(t, DefaultPolicy())
	texts := answerTexts()
	for token := range tokens {
		texts = append(texts, "Dear "+token+", or "+strings.ToLower(token)+strings.ReplaceAll(token, "_", `\_`)+".")
	}
	for i, text := range texts {
		for name, p := range map[string]Policy{"default": DefaultPolicy(), "all": hideAll()} {
			t.Run(fmt.Sprintf("%d %s", i, name), func(t *testing.T) {
				t.Parallel()
				testStreams(t, p, textID, text, 500)
			})
		}
	}
}

func TestAnswer_long_chains(t *testing.T) {
	for _, part := range []string{"4242 ", "a@b.cc", "a@b.cc@d-ghp_" + filler(40, mixed) + "@", "x" + filler(300, hexes) + "@y.zz"} {
		t.Run(part[:3], func(t *testing.T) {
			t.Parallel()
			text := strings.Repeat(part, 3*chainMax/len(part)) + " end " + testKeyBlock + strings.Repeat(part, 30)
			base := newScreen(hideAll())
			want := strings.Join(run(t, fresh(base), textID, []string{text}), "")
			for _, size := range []int{1, 7, 64, 1000, chainMax, chainMax + 1} {
				var at []int
				for i := size; i < len(text); i += size {
					at = append(at, i)
				}
				if got := strings.Join(run(t, fresh(base), textID, cut(text, at)), ""); got != want {
					t.Fatalf("pieces of %d: %d bytes, want %d", size, len(got), len(want))
				}
			}
		})
	}
}

func TestAnswer_arguments_streamed_equals_whole(t *testing.T) {
	_, tokens := screenWithTokens(t, DefaultPolicy())
	texts := []string{jsonArgs, `not JSON: ann@example.com \n "x`, `{"cut`, `{"a":"x\`, `{"a":"\u00`, `{"a":"\ud83d`, `{"a":"\ud83d\u0041\q"}`}
	for token := range tokens {
		ascii := strings.NewReplacer("⟦", `\u27e6`, "⟧", `\u27E7`).Replace(token)
		texts = append(texts, `{"a":"`+token+`","b":["`+ascii+`"]}`, token)
	}
	trusting := hideAll()
	trusting.TrustedTools = []string{"tool"}
	for i, text := range texts {
		for name, p := range map[string]Policy{"all": hideAll(), "trusting": trusting} {
			t.Run(fmt.Sprintf("%d %s", i, name), func(t *testing.T) {
				t.Parallel()
				testStreams(t, p, argumentsID, text, 500)
			})
		}
	}
}

func answer(t *testing.T, s *Screen, id TextID, text string) string {
	t.Helper()
	return strings.Join(run(t, s, id, []string{text}), "")
}

func TestAnswer_redacts(t *testing.T) {
	s := newScreen(DefaultPolicy())
	got := answer(t, s, textID, "ann@example.com has "+testKey+".")
	if want := "ann@example.com has [REDACTED:GITHUB_TOKEN]."; got != want {
		t.Errorf("got %q want %q", got, want)
	}
	r := s.Result()
	if r.Action != "redact" || r.Counts["out:GITHUB_TOKEN"] != 1 || len(r.Findings) != 1 {
		t.Errorf("result %+v", r)
	}
	if f := r.Findings[0]; f.Field != "choices[0].content[0]" || f.Start != 20 || f.End != 60 || f.Direction != "out" {
		t.Errorf("finding %+v", f)
	}
}

func TestAnswer_restores(t *testing.T) {
	p := DefaultPolicy()
	p.TrustedTools = []string{"mail"}
	s, tokens := screenWithTokens(t, p)
	for token, value := range tokens {
		t.Run(value[:5], func(t *testing.T) {
			for _, form := range []string{token, strings.ToLower(token), strings.ToUpper(token), strings.ReplaceAll(token, "_", `\_`)} {
				if got := answer(t, s, textID, "x"+form+"y"); got != "x"+value+"y" {
					t.Errorf("%q gives %q", form, got)
				}
			}
			whole := `{"a":"` + token + `"}`
			if got := answer(t, s, argumentsID, whole); got != whole {
				t.Errorf("an untrusted tool gets %q", got)
			}
			got, err := s.Answer(argumentsID, "mail", whole, true)
			var args struct{ A string }
			if err != nil || json.Unmarshal([]byte(got), &args) != nil || args.A != value {
				t.Errorf("a trusted tool gets %q, %v", got, err)
			}
		})
	}
	missed := s.Result().RestoreMissed
	foreign := "⟦EMAIL_ADDRESS:aaaaaaaaaaaa⟧"
	if got := answer(t, s, textID, foreign); got != foreign || s.Result().RestoreMissed != missed+1 {
		t.Errorf("a foreign placeholder gives %q", got)
	}
	for _, text := range []string{"⟦EMAIL_ADDRESS:aaaa⟧", "⟦⟧", "⟦x", "⟦EMAIL_ADDRESS⟧"} {
		if got := answer(t, s, textID, text); got != text {
			t.Errorf("%q gives %q", text, got)
		}
	}
}

func TestAnswer_restored_values_are_not_scanned(t *testing.T) {
	s, tokens := screenWithTokens(t, hideAll())
	for token, value := range tokens {
		if got := answer(t, s, textID, token); got != value {
			t.Errorf("got %q", got)
		}
	}
	if n := len(s.Result().Counts); n != 2 { // of the request
		t.Errorf("counts %v", s.Result().Counts)
	}
}

func TestAnswer_flows(t *testing.T) {
	for _, c := range []struct{ piece, held string }{
		{"Plain prose flows at once", ""},
		{"and the risk", ""},
		{"is gh", "gh"},
		{"key ghp_abc", "ghp_abc"},
		{"a dash - and an end-", "-"},
		{"a rule ----", "----"},
		{"this is AK", "AK"},
		{"see ⟦EMAIL", "⟦EMAIL"},
		{"an e-mail of ann@exam", ""},
	} {
		s := newScreen(DefaultPolicy())
		emit, err := s.Answer(textID, "", c.piece, false)
		if err != nil || emit+c.held != c.piece || s.Pending(textID) != (c.held != "") {
			t.Errorf("%q: %q went, %v", c.piece, emit, err)
		}
	}
}

func TestAnswer_word_waits(t *testing.T) {
	s := newScreen(hideAll())
	emit, _ := s.Answer(textID, "", "Plain prose waits for the wor", false)
	if emit != "Plain prose waits for the " {
		t.Errorf("%q went", emit)
	}
	long, _ := s.Answer(TextID{Index: 1, Kind: llm.TextDelta}, "", strings.Repeat("w", 500), false)
	if len(long) != 500-localMax {
		t.Errorf("%d bytes of a long word went", len(long))
	}
}

func TestAnswer_caps(t *testing.T) {
	for name, c := range map[string]struct {
		begin string
		bound int
		want  string
	}{
		"key":   {"sk-proj-", secretMax, "[REDACTED:OPENAI_API_KEY]"},
		"block": {"-----BEGIN PRIVATE KEY-----\n", keyBlockMax, "[REDACTED:PRIVATE_KEY]"},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.begin + filler(2*keyBlockMax, mixed)
			s := newScreen(DefaultPolicy())
			fed := 0
			var got strings.Builder
			for fed < len(text) {
				to := min(fed+16, len(text))
				emit, err := s.Answer(textID, "", text[fed:to], false)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString(emit)
				if fed = to; got.Len() == 0 && fed > c.bound+16 {
					t.Fatalf("nothing went after %d bytes", fed)
				}
			}
			rest, _ := s.Answer(textID, "", "", true)
			if want := c.want + text[c.bound:]; got.String()+rest != want {
				t.Errorf("got %.60q…", got.String())
			}
		})
	}
}

func TestAnswer_blocks(t *testing.T) {
	p := DefaultPolicy()
	p.Out = map[string]Action{"secret": Block}
	s := newScreen(p)
	if emit, err := s.Answer(textID, "", "Here: "+testKey[:20], false); err != nil || emit != "Here: " {
		t.Fatalf("%q, %v", emit, err)
	}
	for range 2 {
		emit, err := s.Answer(textID, "", testKey[20:]+" ", false)
		if sallyport.CodeOf(err) != sallyport.DLPBlocked || emit != "" || strings.Contains(err.Error(), testKey) {
			t.Fatalf("%q, %v", emit, err)
		}
		if !strings.Contains(err.Error(), "1 GITHUB_TOKEN") {
			t.Errorf("the message names no type: %v", err)
		}
	}
	if s.Result().Action != "block" {
		t.Errorf("action %q", s.Result().Action)
	}
}

func TestAnswer_observe(t *testing.T) {
	p := hideAll()
	p.Mode = Observe
	s := newScreen(p)
	for _, piece := range cut("x "+testKey+" ann@example.com", []int{5, 20}) {
		if emit, err := s.Answer(textID, "", piece, false); emit != piece || err != nil || s.Pending(textID) {
			t.Errorf("%q became %q, %v", piece, emit, err)
		}
	}
	answer(t, s, textID, "")
	r := s.Result()
	if r.Counts["out:EMAIL_ADDRESS"] != 1 || r.Counts["out:GITHUB_TOKEN"] != 1 || r.Action != "" || r.Findings[0].Operator != Observe {
		t.Errorf("result %+v", r)
	}
}

func TestAnswer_off(t *testing.T) {
	p := hideAll()
	p.Mode = Off
	s := newScreen(p)
	if got := answer(t, s, textID, testKey); got != testKey || len(s.Result().Counts) != 0 {
		t.Errorf("got %q, %+v", got, s.Result())
	}
}

func TestAnswer_findings_bound(t *testing.T) {
	s := newScreen(hideAll())
	var err error
	n := 0
	for ; err == nil && n <= FindingsMax; n++ {
		_, err = s.Answer(textID, "", fmt.Sprintf("u%d@example.com ", n), false)
	}
	if sallyport.CodeOf(err) != sallyport.DLPBlocked || len(s.Result().Findings) != sallyport.FindingsKept {
		t.Errorf("after %d: %v", n, err)
	}
}

func TestAnswer_arguments_stay_JSON(t *testing.T) {
	s := newScreen(hideAll())
	got := answer(t, s, argumentsID, jsonArgs)
	var args map[string]any
	if err := json.Unmarshal([]byte(got), &args); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	want := map[string]any{"to": "[REDACTED:EMAIL_ADDRESS]", "note": "key [REDACTED:GITHUB_TOKEN]\nnexté 😀",
		"pan": "[REDACTED:CREDIT_CARD]", "n": []any{1.0, 2.5}, "phone": "[REDACTED:PHONE_NUMBER]"}
	if fmt.Sprint(args) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", args, want)
	}
	if !strings.Contains(got, `\nnext\u00e9 \ud83d\ude00`) {
		t.Errorf("escapes changed: %s", got)
	}
}

func TestBytes(t *testing.T) {
	p := hideAll()
	s, tokens := screenWithTokens(t, p)
	var email string
	for token, value := range tokens {
		if value == "ann@example.com" {
			email = token
		}
	}
	for _, c := range [][2]string{
		{`{"error":{"message":"bad key ` + testKey + `","code":1}}`, `{"error":{"message":"bad key [REDACTED:GITHUB_TOKEN]","code":1}}`},
		{`{"error": "no ` + email + `"}`, `{"error": "no ann@example.com"}`},
		{`{"pan": 4111111111111111}`, `{"pan": "[REDACTED:CREDIT_CARD]"}`},
		{"plain " + testKey, "plain [REDACTED:GITHUB_TOKEN]"},
		{`{"error": "\u0041ll fine"}`, `{"error": "\u0041ll fine"}`},
		{"", ""},
	} {
		got, err := s.Bytes([]byte(c[0]))
		if err != nil || string(got) != c[1] {
			t.Errorf("Bytes(%s)\n got %s, %v\nwant %s", c[0], got, err, c[1])
		}
	}
}

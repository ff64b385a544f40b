package dlp

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzScan(f *testing.F) {
	for _, text := range answerTexts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := New().Scan(text)
		end := 0
		for _, m := range found {
			if m.Start < end || m.End <= m.Start || m.End > len(text) {
				t.Fatalf("bad span %+v in %q", m, text)
			}
			if utf8.ValidString(text) && !utf8.ValidString(text[m.Start:m.End]) {
				t.Fatalf("%+v splits a character of %q", m, text)
			}
			end = m.End
		}
		again := New().Scan(text)
		if len(again) != len(found) {
			t.Fatalf("%d finds, then %d in %q", len(found), len(again), text)
		}
	})
}

func FuzzStream(f *testing.F) {
	for i, text := range answerTexts() {
		f.Add(text, uint64(i)*2654435761, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, text string, cuts uint64, arguments bool) {
		id := textID
		if arguments {
			id = argumentsID
		}
		p := hideAll()
		p.TrustedTools = []string{"*"}
		base, _ := screenWithTokens(t, p)
		want := strings.Join(run(t, fresh(base), id, []string{text}), "")
		var at []int
		for i := range len(text) {
			if cuts = cuts*6364136223846793005 + 1442695040888963407; cuts>>61 == 0 {
				at = append(at, i)
			}
		}
		if got := strings.Join(run(t, fresh(base), id, cut(text, at)), ""); got != want {
			t.Fatalf("%q cut at %v\n got %q\nwant %q", text, at, got, want)
		}
	})
}

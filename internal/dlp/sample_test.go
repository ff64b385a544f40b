package dlp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"testing"
)

func TestSample(t *testing.T) {
	path := os.Getenv("DLP_SAMPLE")
	if path == "" {
		t.Skip()
	}
	f, _ := os.Open(path)
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 10<<20)
	type span struct {
		Start, End  int
		Type, Label string
		Optional    bool
	}
	type row struct {
		ID, Text, Source string
		Spans            []span
		Scope            []string
		Ambiguous        bool
		NegFor           string `json:"neg_for"`
	}
	type cnt struct{ tp, fn, good, bad int }
	m := map[string]*cnt{}
	get := func(k string) *cnt {
		if m[k] == nil {
			m[k] = &cnt{}
		}
		return m[k]
	}
	e := New()
	for sc.Scan() {
		var r row
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		found := e.Scan(r.Text)
		name := func(x Match) string {
			if x.Category == "secret" {
				return "SECRET"
			}
			return x.Type
		}
		for _, s := range r.Spans {
			if s.Optional || !slices.Contains([]string{"SECRET", "EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN", "CREDIT_CARD", "IBAN_CODE"}, s.Type) {
				continue
			}
			hit := slices.ContainsFunc(found, func(x Match) bool { return x.Start < s.End && s.Start < x.End && name(x) == s.Type })
			key := s.Type
			if hit {
				get(key).tp++
				if s.Type == "SECRET" {
					get("  "+s.Label).tp++
				}
			} else {
				get(key).fn++
				if s.Type == "SECRET" {
					get("  "+s.Label).fn++
				}
				if os.Getenv("V") != "" {
					fmt.Printf("MISS %s %q in %.200q\n", s.Label+s.Type, r.Text[s.Start:s.End], r.Text)
				}
			}
		}
		for _, x := range found {
			if r.Ambiguous || !slices.Contains(r.Scope, name(x)) {
				continue
			}
			ok := slices.ContainsFunc(r.Spans, func(s span) bool { return x.Start < s.End && s.Start < x.End && (name(x) == s.Type || s.Optional) })
			if ok {
				get(name(x)).good++
			} else {
				get(name(x)).bad++
				if os.Getenv("V") != "" {
					fmt.Printf("FALSE %s %q in %.150q negfor=%s\n", x.Type, r.Text[x.Start:x.End], r.Text, r.NegFor)
				}
			}
		}
	}
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	for _, k := range ks {
		c := m[k]
		fmt.Printf("%-45s recall %d/%d = %.3f  precision %d/%d = %.3f\n", k, c.tp, c.tp+c.fn, float64(c.tp)/float64(c.tp+c.fn), c.good, c.good+c.bad, float64(c.good)/float64(c.good+c.bad))
	}
}

package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

// What an organisation has decided on its trail wins over the operator's
// defaults, each thing for itself.
func TestAudit(t *testing.T) {
	month := int64(30)
	defaults := defaults()
	defaults.Audit = policy.Audit{
		Retention: policy.Retention{Days: 365},
		Content:   policy.Content{Level: sallyport.ContentRequest, Days: &month},
	}
	type seen struct {
		days, contentDays int64
		chat, step        sallyport.ContentLevel
		held              bool
	}
	for name, tt := range map[string]struct {
		stored map[string]string
		want   seen
	}{
		"nothing decided": {nil, seen{365, 30, "request", "request", false}},
		"for ever":        {map[string]string{"retention": `{"days":0}`}, seen{0, 30, "request", "request", false}},
		"level alone":     {map[string]string{"content": `{"level":"answer"}`}, seen{365, 30, "answer", "answer", false}},
		"level and days":  {map[string]string{"content": `{"level":"metadata","days":0}`}, seen{365, 0, "metadata", "metadata", false}},
		"of one action":   {map[string]string{"content/agents.step": `{"level":"answer"}`}, seen{365, 30, "request", "answer", false}},
		"all of it": {map[string]string{
			"retention": `{"days":7}`, "content": `{"level":"metadata","days":3}`, "content/chat.completions": `{"level":"answer"}`,
			"readers": `{"users":["ann"]}`, "legal_hold": `{"since":"2026-03-01T12:00:00Z"}`,
		}, seen{7, 3, "answer", "metadata", true}},
	} {
		book := policy.New(&stored{policies: map[string]map[string]string{"audit": tt.stored}}, defaults)
		a, err := book.Audit(t.Context(), org)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := seen{a.Retention.Days, *a.Content.Days, a.Level("chat.completions"), a.Level("agents.step"), a.Hold != nil}
		if got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
		for subject := range tt.stored {
			if !a.Decided[subject] {
				t.Errorf("%s: %s is not told as decided", name, subject)
			}
		}
	}
	if *defaults.Audit.Content.Days != 30 {
		t.Error("what an organisation decided changed the default")
	}
}

func TestAuditWithoutDefaults(t *testing.T) {
	a, err := policy.New(&stored{}, policy.Defaults{}).Audit(t.Context(), org)
	if err != nil || a.Level("chat.completions") != sallyport.ContentNone || a.Retention.Days != 0 {
		t.Errorf("got %+v, %v; want nothing kept and nothing removed", a, err)
	}
}

// A policy that cannot be read is an error: nothing is removed or kept by a guess.
func TestAuditUnreadable(t *testing.T) {
	long := fmt.Sprintf(`{"since":"%s","reason":"%0501d"}`, time.Now().UTC().Format(time.RFC3339), 0)
	for subject, bodies := range map[string][]string{
		"retention":         {`{`, `{"days":-1}`, `{"days":36501}`, `{"days":1.5}`, `{"years":1}`},
		"content":           {`{}`, `{"level":"all"}`, `{"level":"answer","days":-1}`},
		"content/chat":      {`{"level":"answer","days":3}`, `{"level":""}`},
		"content/POST /v1":  {`{"level":"answer"}`},
		"content/":          {`{"level":"answer"}`},
		"readers":           {`[]`, `{"users":"ann"}`},
		"legal_hold":        {`{"since":"today"}`, long},
		"something unknown": {`{"level":"answer"}`},
	} {
		for _, body := range bodies {
			store := &stored{policies: map[string]map[string]string{"audit": {subject: body}}}
			if a, err := policy.New(store, defaults()).Audit(t.Context(), org); err == nil {
				t.Errorf("%s %.60s: read as %+v", subject, body, a)
			}
		}
	}
}

// BenchmarkAudit is asked for each call, also where nothing is kept of it.
func BenchmarkAudit(b *testing.B) {
	book := policy.New(&stored{}, policy.Defaults{})
	b.ReportAllocs()
	for b.Loop() {
		if a, err := book.Audit(b.Context(), org); err != nil || a.Level("chat.completions") != sallyport.ContentNone {
			b.Fatal(a, err)
		}
	}
}

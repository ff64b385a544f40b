package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// What is decided on the trail holds at once, is told in the trail, and is an
// organisation's own.
func TestAuditPolicy(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	policy := func(o servertest.Tenant) string {
		t.Helper()
		a := h.Call(t, o.Admin.Key, http.MethodGet, "/api/v1/audit/policy", "")
		if a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		return strings.TrimSpace(a.Body)
	}
	const undecided = `{"retention_days":0,"content":"metadata","content_days":0,"readers":[]}`
	for _, step := range []struct {
		method, path, body string
		want               string // the policy then
		change             string // what the trail tells
	}{
		{"PUT", "policy/retention", `{"days":90}`, strings.Replace(undecided, `days":0`, `days":90`, 1), `{"days":90}`},
		{"DELETE", "policy/retention", "", undecided, `{"removed":true}`},
		{"PUT", "policy/content", `{"level":"answer","days":7}`,
			`{"retention_days":0,"content":"answer","content_days":7,"readers":[]}`, `{"level":"answer","days":7}`},
		{"PUT", "policy/content?action=agents.step", `{"level":"metadata"}`,
			`{"retention_days":0,"content":"answer","content_days":7,"actions":{"agents.step":"metadata"},"readers":[]}`, `{"level":"metadata"}`},
		{"DELETE", "policy/content", "",
			`{"retention_days":0,"content":"metadata","content_days":0,"actions":{"agents.step":"metadata"},"readers":[]}`, `{"removed":true}`},
		{"DELETE", "policy/content?action=agents.step", "", undecided, `{"removed":true}`},
		{"PUT", "policy/readers", `{"users":["` + string(h.Home.User.ID) + `"]}`,
			strings.Replace(undecided, "[]", `["`+string(h.Home.User.ID)+`"]`, 1), `{"users":["` + string(h.Home.User.ID) + `"]}`},
		{"PUT", "policy/readers", `{"users":[]}`, undecided, `{"users":[]}`},
		{"PUT", "hold", `{"on":true,"reason":"the case of Smith"}`,
			strings.Replace(undecided, `]}`, `],"legal_hold":{"since":"`+h.Clock.Now().UTC().Format("2006-01-02T15:04:05Z")+`","reason":"the case of Smith"}}`, 1), `{"on":true}`},
		{"PUT", "hold", `{"on":false}`, undecided, `{"removed":true}`},
	} {
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, h.Home.Admin.Key, step.method, "/api/v1/audit/"+step.path, step.body)
		if a.Status != http.StatusNoContent {
			t.Errorf("%s %s: %d %s", step.method, step.path, a.Status, a.Body)
		}
		records := h.Records(t, h.Home.ID, mark)
		if len(records) != 1 || string(records[0].Change) != step.change || !strings.HasPrefix(records[0].Resource, "policy/audit/") {
			t.Errorf("%s %s: the trail tells %+v, want the change %s", step.method, step.path, records, step.change)
		}
		if got := policy(h.Home); got != step.want {
			t.Errorf("%s %s: the policy is\n%s, want\n%s", step.method, step.path, got, step.want)
		}
		if got := policy(h.Other); got != undecided {
			t.Errorf("%s %s: the other organisation has %s", step.method, step.path, got)
		}
	}
}

func TestAuditPolicyRefused(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"policy/retention", `{"days":-1}`, 422},
		{"policy/retention", `{"days":36501}`, 422},
		{"policy/retention", `{}`, 422},
		{"policy/content", `{"level":"all"}`, 422},
		{"policy/content?action=agents.step", `{"level":"answer","days":3}`, 400},
		{"policy/content?action=POST%20/v1", `{"level":"answer"}`, 400},
		{"policy/readers", `{"users":["nobody"]}`, 404},
		{"policy/readers", `{"users":["` + string(h.Other.User.ID) + `"]}`, 404},
		{"hold", `{"on":true,"reason":"` + strings.Repeat("x", 501) + `"}`, 422},
	} {
		mark := h.Mark(t, h.Home.ID)
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/audit/"+c.path, c.body); a.Status != c.status {
			t.Errorf("%s %.60s: %d %s, want %d", c.path, c.body, a.Status, a.Body, c.status)
		}
		records := h.Records(t, h.Home.ID, mark)
		if len(records) != 1 || records[0].Phase != sallyport.PhaseRefusal {
			t.Errorf("%s %.60s: the trail tells %+v, want one refusal", c.path, c.body, records)
		}
	}
}

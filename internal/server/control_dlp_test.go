package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

const dlpDraft = `{"policy":{"mode":"enforce","in":{"*":"redact"},"out":{},"allow":[],"trusted_tools":[],"unreadable":"block"},"samples":[],"revision":0}`

// prepareDLP makes what an operation on drafts and versions is going to need.
func prepareDLP(t *testing.T, h *servertest.House, operation string) {
	t.Helper()
	admin := h.Home.Admin.Key
	h.Call(t, admin, http.MethodDelete, "/api/v1/dlp/draft", "") // of the last time, if there is one
	if operation == "dropDLPDraft" || operation == "publishDLP" {
		if a := h.Call(t, admin, http.MethodPut, "/api/v1/dlp/draft", dlpDraft); a.Status != http.StatusOK {
			t.Fatalf("save a draft: %d %s", a.Status, a.Body)
		}
	}
	if operation == "restoreDLP" || operation == "removeDLPPolicy" {
		if a := h.Call(t, admin, http.MethodPut, "/api/v1/dlp/policy", `{"mode":"observe"}`); a.Status != http.StatusNoContent {
			t.Fatalf("set a policy: %d %s", a.Status, a.Body)
		}
	}
}

type trial struct {
	Mode    string
	Hits    []struct{ Start, End int }
	Sent    string
	Refused string
	// Returned is what comes back.
	Returned string
}

// What the tester says is what a call meets, and no word of it is kept.
func TestDLPTester(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	const text = "Write to zebra.crossing@example.com today."
	try := func(extra string) trial {
		t.Helper()
		return readJSON[trial](t, h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/dlp/test", `{"text":`+quoted(text)+extra+`}`))
	}
	mark := h.Mark(t, h.Home.ID)
	got := try("")
	if len(got.Hits) != 1 || text[got.Hits[0].Start:got.Hits[0].End] != "zebra.crossing@example.com" ||
		!strings.HasPrefix(got.Sent, "Write to ⟦EMAIL_ADDRESS:") || got.Returned != text || got.Mode != "enforce" {
		t.Errorf("got %+v", got)
	}
	records := h.Records(t, h.Home.ID, mark)
	if len(records) != 1 || !strings.Contains(string(records[0].Change), `"counts":{"in:EMAIL_ADDRESS":1}`) || records[0].DLP != nil {
		t.Errorf("the records are %+v", records)
	}
	draft := `,"policy":{"mode":"enforce","in":{"contact":"block"},"out":{},"allow":[],"trusted_tools":[],"unreadable":"block"}`
	if got := try(draft); got.Refused == "" || got.Sent != "" || strings.Contains(got.Refused, "zebra") {
		t.Errorf("a draft that blocks: %+v", got)
	}
	if got := try(`,"answer":"Mail you wanted."`); got.Returned != "Mail you wanted." {
		t.Errorf("an answer: %+v", got)
	}
	a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/dlp/policy?model="+servertest.Claude, `{"mode":"off"}`)
	if a.Status != http.StatusNoContent {
		t.Fatal(a.Body)
	}
	if got := try(`,"model":"` + servertest.Claude + `"`); got.Mode != "off" || got.Sent != text {
		t.Errorf("a model: %+v", got)
	}
	for body, status := range map[string]int{
		`{"text":"x","model":"nobody"}`: 404, `{"text":"x","group":"nobody"}`: 404,
		`{"text":"x","policy":{"mode":"maybe","in":{},"out":{},"allow":[],"trusted_tools":[],"unreadable":"block"}}`:               400,
		`{"text":"x","policy":{"mode":"off","in":{"NOTHING":"keep"},"out":{},"allow":[],"trusted_tools":[],"unreadable":"block"}}`: 400,
		`{"text":` + quoted(strings.Repeat("x", 256<<10+1)) + `}`:                                                                  422,
	} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/dlp/test", body); a.Status != status {
			t.Errorf("%.200s: got %d %s, want %d", body, a.Status, a.Body, status)
		}
	}
	notKept(t, h, "zebra.crossing")
}

// notKept looks for the text in every record of the home.
func notKept(t *testing.T, h *servertest.House, text string) {
	t.Helper()
	stored, err := h.DB.Records(t.Context(), h.Home.ID, 0, 1000)
	if err != nil || len(stored) == 0 {
		t.Fatal(len(stored), err)
	}
	for _, r := range stored {
		if strings.Contains(string(r.Body), text) {
			t.Errorf("a record has it: %s", r.Body)
		}
	}
}

type draftOf struct {
	Policy   json.RawMessage
	Samples  []struct{ Name string }
	Saved    bool
	Base     int64
	Revision int64
}

type published struct {
	OK      bool
	Number  int64
	Samples []struct {
		Name string
		Got  string
		OK   bool
	}
}

// A policy from its draft to its end. Calls are held to what is published.
func TestDLPDrafts(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	admin := h.Home.Admin.Key
	call := func(method, path, body string, status int) servertest.Answer {
		t.Helper()
		a := h.Call(t, admin, method, "/api/v1/dlp/"+path, body)
		if a.Status != status {
			t.Errorf("%s %s: got %d %s, want %d", method, path, a.Status, a.Body, status)
		}
		return a
	}
	sees := func(want string) {
		t.Helper()
		h.Chat(t, h.Home.User.Key, chatBody(false, "I am zebra@example.com", ""))
		requests := h.Fake.Requests()
		if got := string(requests[len(requests)-1].Body); !strings.Contains(got, want) {
			t.Errorf("the model sees %s, want %s", got, want)
		}
	}
	sees("⟦EMAIL_ADDRESS:")
	if d := readJSON[draftOf](t, call("GET", "draft", "", 200)); d.Saved || d.Base != 0 || !strings.Contains(string(d.Policy), `"tokenize"`) {
		t.Errorf("the first draft is %+v", d)
	}
	withSample := func(expect string, revision string) string {
		d := strings.Replace(dlpDraft, `"samples":[]`, `"samples":[{"name":"Mine","text":"zebra@example.com","expect":"`+expect+`"}]`, 1)
		return strings.Replace(d, `"revision":0`, `"revision":`+revision, 1)
	}
	call("PUT", "draft", withSample("block", "0"), 200)
	call("PUT", "draft", withSample("block", "0"), 409) // somebody else had it before
	sees("⟦EMAIL_ADDRESS:")
	failed := readJSON[published](t, call("POST", "publish", `{"revision":1}`, 200))
	if failed.OK || failed.Number != 0 || len(failed.Samples) != 1 || failed.Samples[0].Got != "hide" || failed.Samples[0].OK {
		t.Errorf("a sample that fails: %+v", failed)
	}
	sees("⟦EMAIL_ADDRESS:")
	d := readJSON[draftOf](t, call("PUT", "draft", withSample("hide", "1"), 200))
	if !d.Saved || d.Revision != 2 || len(d.Samples) != 1 {
		t.Errorf("the draft is %+v", d)
	}
	call("POST", "publish", `{"revision":1}`, 409) // not the draft that was looked at
	mark := h.Mark(t, h.Home.ID)
	if p := readJSON[published](t, call("POST", "publish", `{"revision":2,"note":"redact"}`, 200)); !p.OK || p.Number != 1 {
		t.Errorf("published: %+v", p)
	}
	if r := h.Records(t, h.Home.ID, mark); len(r) != 1 || r[0].Action != "dlp.publish" || !strings.Contains(string(r[0].Change), `"before"`) {
		t.Errorf("the records are %+v", r)
	}
	sees("[REDACTED:EMAIL_ADDRESS]")
	call("POST", "publish", `{"revision":2}`, 409)
	if d := readJSON[draftOf](t, call("GET", "draft", "", 200)); d.Saved || d.Base != 1 || len(d.Samples) != 1 {
		t.Errorf("the draft after it is %+v", d)
	}
	call("PUT", "policy", `{"mode":"off"}`, 204)
	sees("zebra@example.com")
	call("POST", "restore", `{"number":1}`, 200)
	sees("[REDACTED:EMAIL_ADDRESS]")
	call("POST", "restore", `{"number":9}`, 404)
	versions := call("GET", "versions?limit=2", "", 200).Body
	if !strings.Contains(versions, `"number":3`) || !strings.Contains(versions, `"note":"version 1 again"`) || !strings.Contains(versions, `"before":2`) {
		t.Errorf("the versions are %s", versions)
	}
	call("DELETE", "policy", "", 204)
	call("DELETE", "policy", "", 404)
	sees("⟦EMAIL_ADDRESS:")
	call("DELETE", "draft", "", 404)
	notKept(t, h, "zebra@")
	list := call("GET", "policies", "", 200).Body
	if strings.Count(list, `"model":`) != 1 || !strings.Contains(list, `"managed_by":"file"`) {
		t.Errorf("the policies are %s", list)
	}
	call("PUT", "draft?model="+servertest.Model, dlpDraft, 200)
	if list := call("GET", "policies", "", 200).Body; !strings.Contains(list, `"model":"`+servertest.Model+`"`) || !strings.Contains(list, `"draft":true`) {
		t.Errorf("with a draft the policies are %s", list)
	}
	call("PUT", "draft?model=nobody", dlpDraft, 404)
	if a := h.Call(t, h.Other.Admin.Key, http.MethodGet, "/api/v1/dlp/versions", ""); strings.Contains(a.Body, `"number"`) {
		t.Errorf("another organisation sees %s", a.Body)
	}
}

// The tester for a group adds what the group has decided.
func TestDLPTester_group(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	red := newGroup(t, h, "Red", h.Home.User)
	subject := policy.RightsSubject(sallyport.GroupID(red), policy.AreaDLP)
	err := h.DB.SetPolicy(t.Context(), h.Home.ID, policy.KindRights, subject, []byte(`{"mode":"enforce","in":{"contact":"block"}}`), sallyport.Record{Action: "policies.set"})
	if err != nil {
		t.Fatal(err)
	}
	addToGroup(t, h, red, h.Home.User) // a change by the API, with which the server forgets
	for _, extra := range []string{"", `,"policy":{"mode":"enforce","in":{"*":"redact"},"out":{},"allow":[],"trusted_tools":[],"unreadable":"block"}`} {
		for group, refused := range map[string]bool{red: true, "": false} {
			got := readJSON[trial](t, h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/dlp/test",
				`{"text":"zebra@example.com","group":`+quoted(group)+extra+`}`))
			if (got.Refused != "") != refused {
				t.Errorf("group %q, draft %q: %+v", group, extra, got)
			}
		}
	}
	if a := h.Chat(t, h.Home.User.Key, chatBody(false, "zebra@example.com", "")); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, string(sallyport.DLPBlocked)) {
		t.Errorf("a member's call: %d %s", a.Status, a.Body)
	}
}

func TestDLPTypes(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	types := readJSON[[]struct{ Name, Category string }](t, h.Call(t, h.Home.User.Key, http.MethodGet, "/api/v1/dlp/types", ""))
	if !slices.Contains(types, struct{ Name, Category string }{"EMAIL_ADDRESS", "contact"}) || len(types) < 50 {
		t.Errorf("the types are %v", types)
	}
}

package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// ownAgent is an agent of the member, whatever its role, that is not shared.
func ownAgent(t *testing.T, h *servertest.House, m servertest.Member) string {
	t.Helper()
	def, err := agent.Parse([]byte(agentFile))
	if err != nil {
		t.Fatal(err)
	}
	a := sallyport.Agent{ID: sallyport.AgentID(uuid.NewString()), Org: m.Org, Owner: m.ID, Definition: def, CreatedAt: h.Clock.Now()}
	if err := h.DB.CreateAgent(t.Context(), a, sallyport.Record{Org: m.Org, Action: "agents.create", Phase: sallyport.PhaseEvent}); err != nil {
		t.Fatal(err)
	}
	return string(a.ID)
}

// ownRun is a run of the member, which nobody works on: agents are not served here.
func ownRun(t *testing.T, h *servertest.House, m servertest.Member, cancelled bool) string {
	t.Helper()
	a := h.Call(t, m.Key, http.MethodPost, "/api/v1/agents/"+ownAgent(t, h, m)+"/runs", `{}`)
	var run struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &run); a.Status != http.StatusAccepted || err != nil || run.ID == "" {
		t.Fatalf("start a run: %d %s", a.Status, a.Body)
	}
	if cancelled {
		if a := h.Call(t, m.Key, http.MethodPost, "/api/v1/runs/"+run.ID+"/cancel", ""); a.Status != http.StatusNoContent {
			t.Fatalf("cancel: %d %s", a.Status, a.Body)
		}
	}
	return run.ID
}

// ids of what a list has.
func ids(t *testing.T, a servertest.Answer, list string) (all []string, next string) {
	t.Helper()
	var page map[string]json.RawMessage
	var items []struct{ ID string }
	if a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &page) != nil || json.Unmarshal(page[list], &items) != nil {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	for _, item := range items {
		all = append(all, item.ID)
	}
	if page["next"] != nil {
		if err := json.Unmarshal(page["next"], &next); err != nil {
			t.Fatal(err)
		}
	}
	return all, next
}

// TestRunsFound: the filters of the list are those of the server, a page goes on
// where the one before ended, and people find their own runs only.
func TestRunsFound(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, admin := h.Home.User, h.Home.Admin
	var runs []string
	for range 3 {
		h.Clock.Advance(time.Second)
		runs = append([]string{ownRun(t, h, user, false)}, runs...)
	}
	h.Call(t, user.Key, http.MethodPost, "/api/v1/runs/"+runs[0]+"/cancel", "")
	others := ownRun(t, h, h.Home.Creator, false)
	list := func(key, query string) ([]string, string) {
		t.Helper()
		return ids(t, h.Call(t, key, http.MethodGet, "/api/v1/runs?"+query, ""), "runs")
	}
	for query, want := range map[string][]string{
		"":                                  runs,
		"state=cancelled":                   runs[:1],
		"state=in_progress,failure":         runs[1:],
		"start=terminal":                    nil,
		"q=" + runs[1]:                      runs[1:2],
		"user=" + string(admin.ID):          nil,
		"user=" + string(h.Home.Creator.ID): nil, // not the caller's to see
	} {
		if got, _ := list(user.Key, query); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	if got, _ := list(admin.Key, "user="+string(h.Home.Creator.ID)); !slices.Equal(got, []string{others}) {
		t.Errorf("an administrator finds %q, want %q", got, others)
	}
	first, next := list(user.Key, "limit=2")
	rest, end := list(user.Key, "limit=2&cursor="+next)
	if !slices.Equal(append(first, rest...), runs) || end != "" {
		t.Errorf("got the pages %q and %q, and then %q", first, rest, end)
	}
	for _, query := range []string{"state=done", "cursor=x"} {
		if a := h.Call(t, user.Key, http.MethodGet, "/api/v1/runs?"+query, ""); a.Status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", query, a.Status, a.Body)
		}
	}
	export := h.Call(t, user.Key, http.MethodGet, "/api/v1/runs/export?state=cancelled", "")
	if !strings.HasPrefix(export.Body, "id,agent_id,") || strings.Count(export.Body, "\n") != 2 || !strings.Contains(export.Body, runs[0]) {
		t.Errorf("got the export %q", export.Body)
	}
}

// TestAgentFiles: what is exported can be imported, and is the same again.
func TestAgentFiles(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	made := importedAgent(t, h)
	export := func(id string) string {
		t.Helper()
		a := h.Call(t, h.Home.Creator.Key, http.MethodGet, "/api/v1/agents/"+id+"/export", "")
		if a.Status != http.StatusOK {
			t.Fatalf("export: %d %s", a.Status, a.Body)
		}
		return a.Body
	}
	a := h.Call(t, h.Home.Creator.Key, http.MethodPost, "/api/v1/agents", export(made))
	var again struct {
		ID string `json:"agent_id"`
	}
	if err := json.Unmarshal([]byte(a.Body), &again); err != nil || again.ID == made {
		t.Fatalf("import: %d %s", a.Status, a.Body)
	}
	if export(again.ID) != export(made) {
		t.Errorf("got %s, want %s", export(again.ID), export(made))
	}
	found, _ := ids(t, h.Call(t, h.Home.User.Key, http.MethodGet, "/api/v1/agents", ""), "agents")
	if !slices.Equal(found, []string{made}) {
		t.Errorf("a user finds %q, want the shared one, %q", found, made)
	}
	if a := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/agents/"+again.ID, ""); a.Status != http.StatusNotFound {
		t.Errorf("a user sees what is not shared: %d %s", a.Status, a.Body)
	}
}

// TestRunStartedOnce: a repeat of a start starts no other run.
func TestRunStartedOnce(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	path := "/api/v1/agents/" + importedAgent(t, h) + "/runs"
	first, again := once(t, h, h.Home.User.Key, path, `{"inputs":{}}`, "one"), once(t, h, h.Home.User.Key, path, `{"inputs":{}}`, "one")
	if first.Status != http.StatusAccepted || again.Status != http.StatusAccepted || first.Body != again.Body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %d %s, again %d %s", first.Status, first.Body, again.Status, again.Body)
	}
	const none = "/api/v1/agents/none/runs"
	first, again = once(t, h, h.Home.User.Key, none, `{"inputs":{}}`, "two"), once(t, h, h.Home.User.Key, none, `{"inputs":{}}`, "two")
	if first.Status != http.StatusNotFound || again.Status != first.Status || first.Body != again.Body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("refused with %d %s, again %d %s", first.Status, first.Body, again.Status, again.Body)
	}
	wantConflict(t, once(t, h, h.Home.User.Key, path, `{"text":"other"}`, "one"), "another request", false)
	if found, _ := ids(t, h.Call(t, h.Home.User.Key, http.MethodGet, "/api/v1/runs", ""), "runs"); len(found) != 1 {
		t.Errorf("got the runs %q, want one", found)
	}
}

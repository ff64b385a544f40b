package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// Every route that is not open asks for an action that internal/access/policies.cedar
// names. Whoever adds a route adds its action there, under who may do it.
func TestRoutesHavePolicies(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, pattern := range h.Server.Patterns() {
		if slices.Contains(open, pattern) {
			continue
		}
		if walkRules[pattern] == "" {
			t.Errorf("%s: nobody said who may call it: give it a row in walkRules (walk_rules_test.go)", pattern)
		}
		method, path := path(pattern)
		a := h.Call(t, h.Home.Admin.Key, method, path, "")
		if strings.Contains(a.Body, "no policy lets anybody do this") {
			t.Errorf("%s: internal/access/policies.cedar does not name its action", pattern)
		}
	}
}

// decide decides on rights and fails the test when that is refused.
func decide(t *testing.T, h *servertest.House, path, body string) {
	t.Helper()
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/"+path, body); a.Status != http.StatusNoContent {
		t.Fatalf("PUT %s %s: %d %s", path, body, a.Status, a.Body)
	}
}

// A person who is put into a group loses a model everywhere, and gets it back
// from another group; administrators keep it until the organisation closes it.
func TestModelsOfGroups(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, admin := h.Home.User, h.Home.Admin
	soc, blue := newGroup(t, h, "SOC"), newGroup(t, h, "Blue")
	decide(t, h, "groups/"+soc+"/policies", `{"models":{"default":"off","names":{"mock-claude":"on"}}}`)
	decide(t, h, "groups/"+blue+"/policies", `{"models":{"providers":{"fake":"on"}}}`)
	wants := func(step string, m servertest.Member, models ...string) {
		t.Helper()
		for _, model := range []string{servertest.Model, servertest.Claude} {
			want := slices.Contains(models, model)
			for _, list := range []string{"/v1/models", "/api/v1/models/available"} {
				if got := h.Call(t, m.Key, http.MethodGet, list, "").Body; strings.Contains(got, `"`+model+`"`) != want {
					t.Errorf("%s: %s lists %s: %v, want %v", step, list, model, !want, want)
				}
			}
			if a := h.Call(t, m.Key, http.MethodGet, "/v1/models/"+model, ""); (a.Status == http.StatusOK) != want {
				t.Errorf("%s: %s: %d %s", step, model, a.Status, a.Body)
			}
			mark := h.Mark(t, h.Home.ID)
			a := h.Chat(t, m.Key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, model, 1))
			if want {
				if a.Status != http.StatusOK {
					t.Errorf("%s: a call of %s: %d %s", step, model, a.Status, a.Body)
				}
				continue
			}
			if a.Status != http.StatusForbidden || !strings.Contains(a.Body, `"code":"model_access_denied"`) {
				t.Errorf("%s: a call of %s: %d %s, want 403", step, model, a.Status, a.Body)
			}
			wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.ModelAccessDenied, http.StatusForbidden)
		}
	}
	wants("in no group", user, servertest.Model, servertest.Claude)
	addToGroup(t, h, soc, user)
	addToGroup(t, h, soc, admin)
	wants("in SOC", user, servertest.Claude)
	if a := h.Chat(t, user.Key, chatBody(false, "hello", "")); !strings.Contains(a.Body, "which your group SOC switches off: this needs the role administrator, or a group that grants it.") {
		t.Errorf("the reason is %s", a.Body)
	}
	wants("an administrator in SOC", admin, servertest.Model, servertest.Claude)
	addToGroup(t, h, blue, user)
	wants("in both", user, servertest.Model, servertest.Claude)
	decide(t, h, "organisation/policies", `{"models":{"names":{"mock-large":"off"}}}`)
	wants("closed", user, servertest.Claude)
	wants("closed for administrators", admin, servertest.Claude)
	decide(t, h, "organisation/policies", `{"models":{"default":"by_group"}}`)
	wants("left to groups", h.Home.Creator)
	wants("left to groups, which grant it", user, servertest.Model, servertest.Claude)
	wants("an administrator where it is left to groups", admin, servertest.Model, servertest.Claude)
	decide(t, h, "organisation/policies", `{"models":{}}`)
	wants("taken back", h.Home.Creator, servertest.Model, servertest.Claude)
}

// An agent whose model somebody may not use says so, and a run of it is refused
// before its first step, with the model and the group.
func TestAgentOfModelThatIsOff(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user := h.Home.User
	id := ownAgent(t, h, user)
	soc := newGroup(t, h, "SOC", user)
	const note = `"unusable":[{"model":"mock-large"`
	look := func(want bool) {
		t.Helper()
		for _, path := range []string{"/api/v1/agents", "/api/v1/agents/" + id} {
			a := h.Call(t, user.Key, http.MethodGet, path, "")
			if a.Status != http.StatusOK || strings.Contains(a.Body, note) != want || strings.Contains(a.Body, "your group SOC") != want {
				t.Errorf("%s: %d %s, want the note: %v", path, a.Status, a.Body, want)
			}
		}
	}
	look(false)
	decide(t, h, "groups/"+soc+"/policies", `{"models":{"names":{"mock-large":"off"}}}`)
	look(true)
	for _, path := range []string{"/api/v1/agents/" + id + "/runs", "/v1/agents/" + id + "/run"} {
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, user.Key, http.MethodPost, path, `{}`)
		if a.Status != http.StatusForbidden || !strings.Contains(a.Body, "the model mock-large, which your group SOC switches off") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
		wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.ModelAccessDenied, http.StatusForbidden)
	}
	if found, _ := ids(t, h.Call(t, user.Key, http.MethodGet, "/api/v1/runs", ""), "runs"); len(found) != 0 {
		t.Errorf("there are the runs %q", found)
	}
	decide(t, h, "groups/"+soc+"/policies", `{"models":{}}`)
	look(false)
	if a := h.Call(t, user.Key, http.MethodPost, "/api/v1/agents/"+id+"/runs", `{}`); a.Status != http.StatusAccepted {
		t.Errorf("when it is on again: %d %s", a.Status, a.Body)
	}
}

// Without API key access the keys that are there stop, and are told why; own
// ones can still be seen and ended. Those of administrators go on.
func TestAPIKeyAccess(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, admin := h.Home.User, h.Home.Admin
	soc := newGroup(t, h, "SOC", user, admin)
	decide(t, h, "groups/"+soc+"/policies", `{"features":{"api_key_access":"off"}}`)
	for _, call := range []struct{ method, path, body string }{
		{http.MethodPost, "/v1/chat/completions", chatBody(false, "hello", "")},
		{http.MethodGet, "/v1/models", ""},
		{http.MethodGet, "/api/v1/me", ""},
		{http.MethodPost, "/api/v1/keys", `{"name":"more"}`},
	} {
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, user.Key, call.method, call.path, call.body)
		if a.Status != http.StatusForbidden || !strings.Contains(a.Body, "this needs the role administrator, or a group that grants api key access") {
			t.Errorf("%s %s: %d %s", call.method, call.path, a.Status, a.Body)
		}
		wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.Forbidden, http.StatusForbidden)
	}
	if a := h.Call(t, admin.Key, http.MethodGet, "/api/v1/me", ""); a.Status != http.StatusOK {
		t.Errorf("an administrator: %d %s", a.Status, a.Body)
	}
	removeFromGroup(t, h, soc, user)
	if a := h.Chat(t, user.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
		t.Errorf("out of the group: %d %s", a.Status, a.Body)
	}
}

// Whether agents may be created is the role's in no group, and a group's in any.
func TestAgentCreation(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	create := func(step string, m servertest.Member, want int) {
		t.Helper()
		if a := h.Call(t, m.Key, http.MethodPost, "/api/v1/agents", agentFile); a.Status != want {
			t.Errorf("%s: %d %s, want %d", step, a.Status, a.Body, want)
		}
	}
	user, creator, admin := h.Home.User, h.Home.Creator, h.Home.Admin
	create("a creator in no group", creator, 200)
	create("a user in no group", user, 403)
	soc := newGroup(t, h, "SOC", user, creator, admin)
	create("a creator in a group that says nothing", creator, 403)
	decide(t, h, "groups/"+soc+"/policies", `{"features":{"agent_creation":"on"}}`)
	create("a creator in a group that grants it", creator, 200)
	create("a user in a group that grants it", user, 200)
	decide(t, h, "organisation/policies", `{"features":{"agent_creation":"off"}}`)
	create("closed", creator, 403)
	create("closed for administrators", admin, 403)
}

// The strictest of the DLP policies of the organisation and the groups binds;
// administrators are bound by the organisation's alone.
func TestDLPOfGroups(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, admin := h.Home.User, h.Home.Admin
	soc, blue := newGroup(t, h, "SOC", user, admin), newGroup(t, h, "Blue", user)
	ask := func(step string, m servertest.Member, want int, sees string) {
		t.Helper()
		asked := len(h.Fake.Requests())
		a := h.Chat(t, m.Key, chatBody(false, "write to ann@example.com", ""))
		if a.Status != want {
			t.Errorf("%s: %d %s, want %d", step, a.Status, a.Body, want)
		}
		if all := h.Fake.Requests(); want == http.StatusOK && (len(all) != asked+1 || strings.Contains(string(all[asked].Body), "ann@example.com") != (sees == "plain")) {
			t.Errorf("%s: the model was sent %d requests, the last %s; want it %s", step, len(all)-asked, all[len(all)-1].Body, sees)
		}
	}
	decide(t, h, "dlp/policy", `{"mode":"off"}`)
	ask("nothing is hidden", user, 200, "plain")
	decide(t, h, "groups/"+soc+"/policies", `{"dlp":{"mode":"enforce","in":{"EMAIL_ADDRESS":"tokenize"}}}`)
	ask("hidden by SOC", user, 200, "hidden")
	ask("an administrator", admin, 200, "plain")
	decide(t, h, "groups/"+blue+"/policies", `{"dlp":{"mode":"enforce","in":{"EMAIL_ADDRESS":"block"}}}`)
	ask("blocked by Blue", user, 400, "")
	decide(t, h, "groups/"+blue+"/policies", `{"dlp":{}}`)
	ask("taken back", user, 200, "hidden")
}

// What groups and the organisation decide is kept an area at a time, and told
// in the trail; what is wrong is refused with a sentence.
func TestGroupPolicies(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	soc := newGroup(t, h, "SOC")
	path := "groups/" + soc + "/policies"
	decide(t, h, path, `{"models":{"default":"off"},"features":{"file_upload":"off"}}`)
	decide(t, h, path, `{"tools":{"names":{"jira_create":"on"}},"dlp":{"mode":"observe","allow":["a secret"]}}`)
	records := h.Records(t, h.Home.ID, h.Mark(t, h.Home.ID)-1)
	if r := records[0]; r.Action != "groups.set_policies" || r.Resource != "group/"+soc ||
		!strings.Contains(string(r.Change), `"tools":{"names":{"jira_create":"on"}}`) || strings.Contains(string(r.Change), "a secret") {
		t.Errorf("the record is %+v with the change %s", r, r.Change)
	}
	got := strings.TrimSpace(h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/"+path, "").Body)
	for _, want := range []string{`"models":{"default":"off"}`, `"features":{"file_upload":"off"}`, `"tools":{"names":{"jira_create":"on"}}`, `"dlp":{"mode":"observe"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the policies are %s, want %s in it", got, want)
		}
	}
	decide(t, h, path, `{"models":{},"features":{},"tools":{},"dlp":{}}`)
	if got := strings.TrimSpace(h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/"+path, "").Body); got != `{"version":"0.0.0.0.0"}` {
		t.Errorf("what was taken back is %s", got)
	}
	for _, tt := range []struct {
		path, body string
		status     int
		says       string
	}{
		{path, `{}`, 400, "no area is decided"},
		{path, `{"models":{"default":"by_group"}}`, 400, "a group says on or off"},
		{path, `{"models":{"names":{"a b":"on"}}}`, 400, "visible ASCII"},
		{path, `{"features":{"fly":"on"}}`, 400, "not known"},
		{path, `{"dlp":{"mode":"maybe"}}`, 400, "mode"},
		{path, `{"colours":{}}`, 422, "unexpected property"},
		{"organisation/policies", `{"dlp":{"mode":"off"}}`, 422, "unexpected property"},
		{"organisation/policies", `{"integrations":{"providers":{"jira":"off"}}}`, 400, "no providers"},
		{"groups/none/policies", `{"models":{"default":"off"}}`, 404, "no such group"},
	} {
		a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/"+tt.path, tt.body)
		if a.Status != tt.status || !strings.Contains(a.Body, tt.says) {
			t.Errorf("%s %s: %d %s, want %d %q", tt.path, tt.body, a.Status, a.Body, tt.status, tt.says)
		}
	}
	a := h.Call(t, h.Other.Admin.Key, http.MethodPut, "/api/v1/"+path, `{"models":{"default":"off"}}`)
	if a.Status != http.StatusNotFound {
		t.Errorf("from another organisation: %d %s", a.Status, a.Body)
	}
}

// A name that means nothing is refused with its field, unless it stood there before.
func TestPoliciesNameWhatThereIs(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	soc := newGroup(t, h, "SOC")
	call := func(method, path, body string, status int) string {
		t.Helper()
		a := h.Call(t, h.Home.Admin.Key, method, "/api/v1/"+path, body)
		if a.Status != status {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, a.Status, a.Body, status)
		}
		return a.Body
	}
	call("POST", "providers", providerFile("https://llm.example.com/v1"), 204)
	call("POST", "models", modelFile, 204)
	for _, path := range []string{"groups/" + soc + "/policies", "organisation/policies"} {
		both := `{"models":{"names":{"own-model":"off","mock-large":"on"},"providers":{"own":"off","fake":"on"}}}`
		call("PUT", path, both, 204)
		for body, field := range map[string]string{
			`{"models":{"names":{"own-model":"off","gpt-9":"on"}}}`: "there is no such model (body.models.names.gpt-9)",
			`{"models":{"providers":{"nobody":"off"}}}`:             "there is no such provider (body.models.providers.nobody)",
			`{"models":{"names":{"fake":"off"}}}`:                   "there is no such model (body.models.names.fake)",
		} {
			if got := call("PUT", path, body, 400); !strings.Contains(got, `"fields":["`+field+`"]`) {
				t.Errorf("%s: got %s, want the field %q", body, got, field)
			}
		}
		if got := call("GET", path, "", 200); !strings.Contains(got, `"own-model":"off"`) || strings.Contains(got, "gpt-9") {
			t.Errorf("after refusals: %s", got)
		}
	}
	call("DELETE", "models?model=own-model", "", 204)
	call("DELETE", "providers/own", "", 204)
	for _, path := range []string{"groups/" + soc + "/policies", "organisation/policies"} {
		call("PUT", path, `{"models":{"default":"off","names":{"own-model":"off"},"providers":{"own":"off"}}}`, 204)
		call("PUT", path, `{"models":{"default":"off"}}`, 204)
		call("PUT", path, `{"models":{"names":{"own-model":"off"}}}`, 400)
	}
}

// Who decides on what another has changed since they looked is refused, and who
// decides on something else, or sends no version, is not.
func TestPoliciesVersion(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	soc := newGroup(t, h, "SOC")
	for _, path := range []string{"groups/" + soc + "/policies", "organisation/policies"} {
		version := func() string {
			t.Helper()
			a := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/"+path, "")
			var got struct{ Version string }
			if err := json.Unmarshal([]byte(a.Body), &got); err != nil || got.Version == "" {
				t.Fatalf("%s: %s: %v", path, a.Body, err)
			}
			return got.Version
		}
		put := func(areas, version string, status int) string {
			t.Helper()
			a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/"+path, `{`+areas+`,"version":`+quoted(version)+`}`)
			if a.Status != status {
				t.Errorf("%s %s from %s: %d %s, want %d", path, areas, version, a.Status, a.Body, status)
			}
			return a.Body
		}
		first := version()
		put(`"models":{"default":"off"}`, first, 204)
		second := version()
		if got := put(`"models":{"default":"on"}`, first, 409); !strings.Contains(got, "Somebody else has decided on models meanwhile") {
			t.Errorf("the refusal is %s", got)
		}
		put(`"models":{"default":"on"},"features":{"file_upload":"off"}`, first, 409) // all or none
		put(`"features":{"file_upload":"on"}`, first, 204)
		put(`"models":{"default":"on"}`, second, 204)
		put(`"models":{}`, version(), 204)
		put(`"models":{"default":"off"}`, second, 409)
		put(`"models":{"default":"off"}`, first, 204) // it is as it was then
		put(`"models":{"default":"on"}`, "", 204)
		put(`"models":{"default":"off"}`, "no version", 400)
		if got := h.Records(t, h.Home.ID, h.Mark(t, h.Home.ID)-2)[0]; strings.Contains(string(got.Change), "version") {
			t.Errorf("the record tells %s", got.Change)
		}
	}
}

// Each right tells where it comes from, and what is denied tells what grants it.
func TestEffectiveRights(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, admin := h.Home.User, h.Home.Admin
	soc, makers := newGroup(t, h, "SOC", user, admin), newGroup(t, h, "Makers")
	decide(t, h, "groups/"+soc+"/policies", `{"models":{"default":"off","names":{"mock-claude":"on"}},"tools":{"names":{"jira_create":"on"}},"dlp":{"mode":"observe"}}`)
	decide(t, h, "groups/"+makers+"/policies", `{"features":{"agent_creation":"on"}}`)
	decide(t, h, "organisation/policies", `{"tools":{"default":"by_group"},"features":{"file_upload":"off"},"integrations":{"names":{"jira":"off"}}}`)
	line := func(key, path, area, name string) string {
		t.Helper()
		var got struct {
			Rights []struct{ Area, Name, Text string }
		}
		if err := json.Unmarshal([]byte(h.Call(t, key, http.MethodGet, "/api/v1/"+path, "").Body), &got); err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Rights {
			if r.Area == area && r.Name == name {
				return r.Text
			}
		}
		return ""
	}
	for _, tt := range []struct{ path, area, name, want string }{
		{"users/" + string(user.ID), "models", "mock-claude", "on: group SOC; ceiling: organisation on"},
		{"users/" + string(user.ID), "models", "mock-large", "off: group SOC; ceiling: organisation on"},
		{"users/" + string(user.ID), "models", "*", "off: group SOC; ceiling: organisation on"},
		{"users/" + string(user.ID), "tools", "jira_create", "on: group SOC; ceiling: organisation by group"},
		{"users/" + string(user.ID), "tools", "*", "off: organisation; ceiling: organisation by group"},
		{"users/" + string(user.ID), "integrations", "jira", "off: organisation; ceiling: organisation off"},
		{"users/" + string(user.ID), "integrations", "*", "on: default; ceiling: organisation on"},
		{"users/" + string(user.ID), "features", "file_upload", "off: organisation; ceiling: organisation off"},
		{"users/" + string(user.ID), "features", "api_key_access", "on: default; ceiling: organisation on"},
		{"users/" + string(user.ID), "features", "agent_creation", "off: role user; ceiling: organisation on"},
		{"users/" + string(h.Home.Creator.ID), "features", "agent_creation", "on: role agent_creator; ceiling: organisation on"},
		{"users/" + string(admin.ID), "models", "mock-large", "on: role administrator; ceiling: organisation on"},
		{"users/" + string(admin.ID), "features", "file_upload", "off: organisation; ceiling: organisation off"},
		{"groups/" + makers, "features", "agent_creation", "on: group Makers; ceiling: organisation on"},
		{"groups/" + soc, "models", "mock-large", "off: group SOC; ceiling: organisation on"},
	} {
		if got := line(admin.Key, tt.path+"/effective", tt.area, tt.name); got != tt.want {
			t.Errorf("%s %s %s: got %q, want %q", tt.path, tt.area, tt.name, got, tt.want)
		}
	}
	if got := line(user.Key, "rights", "models", "mock-large"); got != "off: group SOC; ceiling: organisation on" {
		t.Errorf("who asks for their own is told %q", got)
	}
	addToGroup(t, h, soc, h.Home.Creator)
	if got := line(admin.Key, "users/"+string(h.Home.Creator.ID)+"/effective", "features", "agent_creation"); got != "off: no group grants it; ceiling: organisation on" {
		t.Errorf("a creator whose group says nothing: %q", got)
	}
	explained := h.Call(t, h.Home.Creator.Key, http.MethodGet, "/api/v1/rights/agents.create", "").Body
	if !strings.Contains(explained, `"allowed":false`) || !strings.Contains(explained, `"needs":"the role administrator, or a group that grants agent creation"`) ||
		!strings.Contains(explained, `"groups":[{"id":"`+makers+`","name":"Makers"}]`) {
		t.Errorf("explained: %s", explained)
	}
	decide(t, h, "models/access?model=mock-claude", `{"enabled":false}`)
	if got := line(admin.Key, "users/"+string(user.ID)+"/effective", "models", "mock-claude"); got != "off: organisation; ceiling: organisation off" {
		t.Errorf("a model that is switched off: %q", got)
	}
	if a := h.Call(t, admin.Key, http.MethodGet, "/api/v1/users/nobody/effective", ""); a.Status != http.StatusNotFound {
		t.Errorf("nobody: %d %s", a.Status, a.Body)
	}
}

func TestPastedMembers(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, creator := string(h.Home.User.ID)+"@home.test", string(h.Home.Creator.ID)+"@home.test"
	soc := newGroup(t, h, "SOC", h.Home.Creator)
	mark := h.Mark(t, h.Home.ID)
	text := "Ann <" + strings.ToUpper(user) + ">; " + creator + ",\n\tnobody@home.test and " + user + " mailto:nobody@home.test"
	a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/groups/"+soc+"/members/preview", `{"emails":`+quoted(text)+`}`)
	var got struct {
		Found, Already []struct{ Email string }
		Unknown        []string
	}
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || len(got.Found) != 1 || got.Found[0].Email != user ||
		len(got.Already) != 1 || got.Already[0].Email != creator || !slices.Equal(got.Unknown, []string{"nobody@home.test"}) {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	for _, r := range h.Records(t, h.Home.ID, mark) {
		if strings.Contains(string(r.Change), "@") || strings.Contains(r.Resource, "@") {
			t.Errorf("the record tells the addresses: %+v", r)
		}
	}
}

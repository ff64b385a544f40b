package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
)

const (
	org   sallyport.OrgID  = "org-1"
	ann   sallyport.UserID = "ann"
	other sallyport.UserID = "bob"
)

var (
	soc  = sallyport.Group{Org: org, ID: "g-1", Name: "SOC"}
	blue = sallyport.Group{Org: org, ID: "g-2", Name: "Blue"}
)

func member(role sallyport.Role, groups ...sallyport.Group) access.Caller {
	return access.Caller{Org: org, User: ann, Role: role, Groups: groups}
}

func mine() access.Resource   { return access.Resource{Org: org, Owner: ann} }
func theirs() access.Resource { return access.Resource{Org: org, Owner: other} }

// Deny by default: what no policy names is nobody's, and what they name is
// nobody's who has no role.
func TestDenyByDefault(t *testing.T) {
	for _, action := range []string{"", "groups.fly", "keys", "Keys.list", "keys.list ", "*", "administrators"} {
		d := access.May(member(sallyport.RoleAdministrator), action)
		if d.Allowed || d.Policy != "" || sallyport.CodeOf(d.Err()) != sallyport.Forbidden {
			t.Errorf("%q: got %+v", action, d)
		}
	}
	for _, role := range []sallyport.Role{"", "root", "Administrator"} {
		if may := access.Actions(member(role)); len(may) > 0 {
			t.Errorf("the role %q may do %q", role, may)
		}
	}
	if may := access.Actions(access.Caller{}); len(may) > 0 {
		t.Errorf("nobody may do %q", may)
	}
}

// Nothing of another organisation is reached by any role, shared or not.
func TestOneOrganisation(t *testing.T) {
	abroad := access.Resource{Org: "org-2", Owner: ann, Sharing: access.ShareEdit}
	for _, action := range access.Known() {
		for _, of := range []access.Resource{abroad, {Owner: ann}} {
			d := access.Allowed(member(sallyport.RoleAdministrator), action, of)
			if d.Allowed || d.Policy != "one-organisation" {
				t.Errorf("%s on %+v: got %+v", action, of, d)
			}
		}
	}
}

// A role has all that the role below it has.
func TestRolesNest(t *testing.T) {
	user := access.Actions(member(sallyport.RoleUser))
	creator := access.Actions(member(sallyport.RoleAgentCreator))
	admin := access.Actions(member(sallyport.RoleAdministrator))
	for _, action := range user {
		if !slices.Contains(creator, action) {
			t.Errorf("an agent creator may not do %s", action)
		}
	}
	for _, action := range creator {
		if !slices.Contains(admin, action) {
			t.Errorf("an administrator may not do %s", action)
		}
	}
	if !slices.Equal(admin, access.Known()) {
		t.Errorf("an administrator may do %d of %d actions on own things", len(admin), len(access.Known()))
	}
	if len(user) < 10 || slices.Contains(user, "groups.list") || slices.Contains(user, "agents.create") {
		t.Errorf("a user may do %q", user)
	}
}

func TestOwnership(t *testing.T) {
	view, edit := theirs(), theirs()
	view.Sharing, edit.Sharing = access.ShareView, access.ShareEdit
	user, creator, admin := sallyport.RoleUser, sallyport.RoleAgentCreator, sallyport.RoleAdministrator
	for _, tt := range []struct {
		role   sallyport.Role
		action string
		on     access.Resource
		want   bool
	}{
		{user, "keys.revoke", mine(), true},
		{user, "keys.revoke", theirs(), false},
		{admin, "keys.revoke", theirs(), true},
		{admin, "keys.create", theirs(), false},
		{admin, "keys.use", theirs(), false},
		{user, "conversations.get", mine(), true},
		{user, "conversations.get", theirs(), false},
		{admin, "conversations.get", theirs(), false}, // content is for readers, whatever the role
		{admin, "conversations.get", view, false},
		{user, "shares.get", theirs(), false},
		{user, "shares.get", view, true},
		{user, "shares.delete", view, false},
		{user, "runs.get", mine(), true},
		{user, "runs.get", theirs(), false},
		{admin, "runs.get", theirs(), true},
		{user, "runs.cancel", theirs(), false},
		{user, "agents.get", theirs(), false},
		{user, "agents.get", view, true},
		{user, "runs.start", view, true},
		{user, "runs.start", theirs(), false},
		{user, "agents.update", edit, false},
		{creator, "agents.update", edit, true},
		{creator, "agents.update", view, false},
		{creator, "agents.delete", edit, false},
		{creator, "agents.delete", mine(), true},
		{admin, "agents.delete", theirs(), true},
		{admin, "sessions.end", theirs(), false},
		{user, "password.change", mine(), true},
		{user, "keys.list", access.Resource{Org: org}, false}, // nobody's is not mine
	} {
		if d := access.Allowed(member(tt.role), tt.action, tt.on); d.Allowed != tt.want {
			t.Errorf("%s %s %+v: got %+v, want %v", tt.role, tt.action, tt.on, d, tt.want)
		}
	}
}

// rights decides, for the tests: the organisation, SOC, Blue.
func rights(t *testing.T, area access.Area, organisation, ofSOC, ofBlue string) *access.Rights {
	t.Helper()
	r := access.Rights{Groups: make(map[sallyport.GroupID]access.Areas)}
	set := func(a *access.Areas, body string, ceiling bool) {
		if body != "" {
			if err := a.Set(area, []byte(body), ceiling); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(&r.Organisation, organisation, true)
	for g, body := range map[sallyport.GroupID]string{soc.ID: ofSOC, blue.ID: ofBlue} {
		var a access.Areas
		set(&a, body, false)
		r.Groups[g] = a
	}
	return &r
}

// Groups add up, the organisation is the ceiling, administrators are exempt from
// groups and not from the ceiling.
func TestModels(t *testing.T) {
	const onlyClaude, noClaude = `{"default":"off","names":{"claude":"on"}}`, `{"names":{"claude":"off"}}`
	for _, tt := range []struct {
		name                      string
		organisation, soc, blue   string
		groups                    []sallyport.Group
		wantClaude, wantGPT       string // by which policy; "" is denied by default
		administrator, adminOfGPT string
	}{
		{"nothing decided", "", "", "", []sallyport.Group{soc}, "thing-granted", "thing-granted", "thing-granted", "thing-granted"},
		{"no group", "", onlyClaude, noClaude, nil, "thing-granted", "thing-granted", "thing-granted", "thing-granted"},
		{"one group", "", onlyClaude, "", []sallyport.Group{soc}, "thing-granted", "", "thing-granted", "administrator-things"},
		{"a silent group grants nothing", "", onlyClaude, "", []sallyport.Group{soc, blue}, "thing-granted", "", "thing-granted", "administrator-things"},
		{"one grant is enough", "", onlyClaude, noClaude, []sallyport.Group{blue, soc}, "thing-granted", "", "thing-granted", "administrator-things"},
		{"refused", "", "", noClaude, []sallyport.Group{soc, blue}, "", "thing-granted", "administrator-things", "thing-granted"},
		{"the ceiling is hard", `{"names":{"claude":"off"}}`, onlyClaude, "", []sallyport.Group{soc}, "thing-off", "", "thing-off", "administrator-things"},
		{"default-deny is soft", `{"default":"by_group"}`, onlyClaude, "", []sallyport.Group{soc}, "thing-granted", "", "thing-granted", "administrator-things"},
		{"default-deny without a group", `{"default":"by_group"}`, onlyClaude, "", nil, "", "", "administrator-things", "administrator-things"},
		{"by provider", "", `{"default":"off","providers":{"anthropic":"on"}}`, "", []sallyport.Group{soc}, "thing-granted", "", "thing-granted", "administrator-things"},
		{"by model group", "", `{"default":"off","groups":{"safe":"on"}}`, "", []sallyport.Group{soc}, "thing-granted", "", "thing-granted", "administrator-things"},
		{"of two model groups the stricter", "", `{"groups":{"safe":"on","costly":"off"}}`, "", []sallyport.Group{soc}, "", "thing-granted", "administrator-things", "thing-granted"},
		{"a name before its model group", "", `{"names":{"claude":"on"},"groups":{"costly":"off"}}`, "", []sallyport.Group{soc}, "thing-granted", "thing-granted", "thing-granted", "thing-granted"},
		{"a model group before the provider", "", `{"groups":{"safe":"on"},"providers":{"anthropic":"off"}}`, "", []sallyport.Group{soc}, "thing-granted", "thing-granted", "thing-granted", "thing-granted"},
		{"a model group of the ceiling", `{"groups":{"costly":"off"}}`, onlyClaude, "", []sallyport.Group{soc}, "thing-off", "", "thing-off", "administrator-things"},
		{"a model group by group", `{"groups":{"costly":"by_group","safe":"on"}}`, "", "", []sallyport.Group{soc}, "", "thing-granted", "administrator-things", "thing-granted"},
		{"a name before its provider", "", `{"names":{"claude":"off"},"providers":{"anthropic":"on"}}`, "", []sallyport.Group{soc}, "", "thing-granted", "administrator-things", "thing-granted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			decided := rights(t, access.Models, tt.organisation, tt.soc, tt.blue)
			for _, want := range []struct {
				role          sallyport.Role
				model, policy string
			}{
				{sallyport.RoleUser, "claude", tt.wantClaude}, {sallyport.RoleUser, "gpt", tt.wantGPT},
				{sallyport.RoleAdministrator, "claude", tt.administrator}, {sallyport.RoleAdministrator, "gpt", tt.adminOfGPT},
			} {
				c := member(want.role, tt.groups...)
				c.Rights = decided
				provider := map[string]string{"claude": "anthropic", "gpt": "openai"}[want.model]
				inGroups := map[string][]string{"claude": {"costly", "safe"}}
				d := access.Allowed(c, access.UseModel, access.Model(org, sallyport.Model{ID: want.model, Provider: provider, Groups: inGroups[want.model]}))
				if d.Policy != want.policy || d.Allowed != (want.policy != "" && want.policy != "thing-off") {
					t.Errorf("%s, %s: got %+v, want %q", want.role, want.model, d, want.policy)
				}
			}
		})
	}
}

func TestTools(t *testing.T) {
	for _, tt := range []struct {
		name                string
		integrations, tools string // of SOC
		ceiling             string // of tools
		want                bool
	}{
		{"nothing decided", "", "", "", true},
		{"the integration is off", `{"names":{"jira":"off"}}`, `{"names":{"jira_create":"on"}}`, "", false},
		{"the tool is off", `{"names":{"jira":"on"}}`, `{"names":{"jira_create":"off"}}`, "", false},
		{"both on", `{"names":{"jira":"on"}}`, `{"names":{"jira_create":"on"}}`, `{"default":"by_group"}`, true},
		{"default-deny", "", "", `{"default":"by_group"}`, false},
		{"off for all", "", `{"names":{"jira_create":"on"}}`, `{"names":{"jira_create":"off"}}`, false},
		{"by integration", "", `{"providers":{"jira":"on"}}`, `{"default":"by_group"}`, true},
	} {
		r := rights(t, access.Integrations, "", tt.integrations, "")
		group := r.Groups[soc.ID]
		group.Tools = rights(t, access.Tools, "", tt.tools, "").Groups[soc.ID].Tools
		r.Groups[soc.ID] = group
		r.Organisation.Tools = rights(t, access.Tools, tt.ceiling, "", "").Organisation.Tools
		c := member(sallyport.RoleUser, soc)
		c.Rights = r
		if d := access.Allowed(c, access.UseTool, access.Resource{Org: org, Name: "jira_create", Provider: "jira"}); d.Allowed != tt.want {
			t.Errorf("%s: got %+v, want %v", tt.name, d, tt.want)
		}
	}
}

// Who is refused is told what grants it, and it does.
func TestFeatures(t *testing.T) {
	const (
		on, off  = `{"agent_creation":"on","api_key_access":"on","file_upload":"on"}`, `{"agent_creation":"off","api_key_access":"off","file_upload":"off"}`
		by_group = `{"agent_creation":"by_group","api_key_access":"by_group","file_upload":"by_group"}`
	)
	user, creator, admin := sallyport.RoleUser, sallyport.RoleAgentCreator, sallyport.RoleAdministrator
	both := []sallyport.Group{soc, blue}
	type says [3]string // agents.create, keys.use, files.upload: "", or what is missing
	all := says{}
	for _, tt := range []struct {
		name         string
		role         sallyport.Role
		groups       []sallyport.Group
		organisation string
		soc, blue    string
		want         says
	}{
		{"a user in no group", user, nil, "", "", "", says{"the role agent_creator, or a group that grants agent creation", "", ""}},
		{"a creator in no group", creator, nil, "", "", "", all},
		{"a creator in silent groups", creator, both, "", "", "", says{"the role administrator, or a group that grants agent creation", "", ""}},
		{"a creator in a group that grants", creator, both, "", "", on, all},
		{"a user in a group that grants", user, both, "", on, off, all},
		{"refused", creator, both, "", off, "", says{
			"the role administrator, or a group that grants agent creation",
			"the role administrator, or a group that grants api key access",
			"the role administrator, or a group that grants file upload"}},
		{"left to groups", creator, nil, by_group, on, "", says{
			"the role administrator, or a group that grants agent creation",
			"the role administrator, or a group that grants api key access",
			"the role administrator, or a group that grants file upload"}},
		{"left to groups, and granted", user, both, by_group, on, "", all},
		{"administrators are exempt", admin, both, by_group, off, "", all},
		{"and not from the ceiling", admin, both, off, on, on, says{
			"The organisation has switched agent creation off.",
			"The organisation has switched API key access off.",
			"The organisation has switched file upload off."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := member(tt.role, tt.groups...)
			c.Rights = rights(t, access.Features, tt.organisation, tt.soc, tt.blue)
			for i, action := range []string{"agents.create", access.UseKey, access.UploadFile} {
				d := access.May(c, action)
				if err := d.Err(); tt.want[i] == "" && err != nil || tt.want[i] != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want[i])) {
					t.Errorf("%s: got %v by %q, want %q", action, err, d.Policy, tt.want[i])
				}
			}
		})
	}
}

// What is decided is read strictly.
func TestSet_refused(t *testing.T) {
	for _, tt := range []struct {
		area    access.Area
		body    string
		ceiling bool
		says    string
	}{
		{access.Models, `{"default":"maybe"}`, true, "the organisation says on, by_group or off"},
		{access.Models, `{"default":"by_group"}`, false, "a group says on or off"},
		{access.Models, `{"names":{"a b":"on"}}`, false, "visible ASCII"},
		{access.Models, `{"names":{"":"on"}}`, false, "visible ASCII"},
		{access.Models, `{"names":{"a":""}}`, false, "a: a group says on or off"},
		{access.Models, `{"providers":{"p":"yes"}}`, false, "p: a group says"},
		{access.Models, `{"nam":{}}`, false, "nam"},
		{access.Integrations, `{"providers":{"p":"on"}}`, false, "no providers"},
		{access.Tools, `{"groups":{"g":"on"}}`, false, "only models are in model groups"},
		{access.Models, `{"groups":{"g":"by_group"}}`, false, "g: a group says"},
		{access.Features, `{"fly":"on"}`, false, "not known"},
		{access.Features, `{"file_upload":"by_group"}`, false, "a group says on or off"},
		{access.Features, `[]`, false, "array"},
		{access.Tools, `{"names":{` + strings.Repeat(`"x":"on",`, 3) + `"y":1}}`, false, "number"},
		{"dlp", `{}`, false, "no such area"},
	} {
		var a access.Areas
		if err := a.Set(tt.area, []byte(tt.body), tt.ceiling); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s %s: got %v, want %q", tt.area, tt.body, err, tt.says)
		}
	}
}

// The policies have no mistake that would show only for some callers, and each
// decides something.
func TestPolicies(t *testing.T) {
	standings := []string{"", "on", "by_group", "off"}
	decided := make(map[string]bool)
	for _, action := range access.Known() {
		for _, role := range []sallyport.Role{sallyport.RoleUser, sallyport.RoleAgentCreator, sallyport.RoleAdministrator} {
			for _, on := range []access.Resource{mine(), theirs(), {Org: org, Owner: other, Sharing: access.ShareView}, {Org: org, Owner: other, Sharing: access.ShareEdit}, {Org: org}, {Org: "org-2"}} {
				for _, state := range standings {
					c := member(role, soc)
					features, things := "", ""
					if state != "" {
						features = `{"agent_creation":"` + state + `","api_key_access":"` + state + `","file_upload":"` + state + `"}`
						things = `{"default":"` + state + `"}`
					}
					for _, groups := range [][]sallyport.Group{nil, {soc}} {
						c.Groups = groups
						c.Rights = rights(t, access.Features, features, `{"agent_creation":"on"}`, "")
						c.Rights.Organisation.Models = rights(t, access.Models, things, "", "").Organisation.Models
						d := access.Allowed(c, action, on)
						if strings.Contains(d.Reason, "evaluated") {
							t.Fatalf("%s by %+v to %+v: %+v", action, c, on, d)
						}
						decided[d.Policy] = true
					}
				}
			}
		}
	}
	for _, line := range strings.Split(access.Text(), "\n") {
		if id, is := strings.CutPrefix(line, `@id("`); is && !decided[strings.TrimSuffix(id, `")`)] {
			t.Errorf("the policy %s decides nothing", id)
		}
	}
}

func BenchmarkAllowed(b *testing.B) {
	c := member(sallyport.RoleUser, soc, blue)
	c.Rights = &access.Rights{Groups: map[sallyport.GroupID]access.Areas{soc.ID: {Models: &access.Things{Default: access.Off}}}}
	r := access.Model(org, sallyport.Model{ID: "claude", Provider: "anthropic"})
	b.ReportAllocs()
	for b.Loop() {
		if access.Allowed(c, access.UseModel, r).Allowed {
			b.Fatal("allowed")
		}
	}
}

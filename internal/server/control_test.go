package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// who may call an operation, and a call of it that does something.
type permission struct {
	least  sallyport.Role
	action string // in the trail
	query  string
	body   string
	want   int
}

// permissions names every operation of the control plane.
var permissions = map[string]permission{
	"me":                  {sallyport.RoleUser, "identity.get", "", "", 200},
	"listKeys":            {sallyport.RoleUser, "keys.list", "", "", 200},
	"createKey":           {sallyport.RoleUser, "keys.create", "", `{"name":"ci"}`, 200},
	"revokeKey":           {sallyport.RoleUser, "keys.revoke", "", "", 204},
	"getCredits":          {sallyport.RoleUser, "credits.get", "", "", 200},
	"scan":                {sallyport.RoleUser, "dlp.scan", "", `{"text":"a@example.com"}`, 200},
	"importAgent":         {sallyport.RoleAgentCreator, "agents.create", "", agentFile, 200},
	"previewAgent":        {sallyport.RoleAgentCreator, "agents.preview", "", agentFile, 200},
	"listAgents":          {sallyport.RoleUser, "agents.list", "?shared=true&q=a&limit=5", "", 200},
	"getAgent":            {sallyport.RoleUser, "agents.get", "", "", 200},
	"exportAgent":         {sallyport.RoleUser, "agents.export", "", "", 200},
	"duplicateAgent":      {sallyport.RoleAgentCreator, "agents.create", "", "", 200},
	"shareAgent":          {sallyport.RoleUser, "agents.share", "", `{"shared":true}`, 204},
	"deleteAgent":         {sallyport.RoleUser, "agents.delete", "", "", 204},
	"startRun":            {sallyport.RoleUser, "runs.start", "", `{"inputs":{}}`, 202},
	"rerun":               {sallyport.RoleUser, "runs.start", "", "", 202},
	"listRuns":            {sallyport.RoleUser, "runs.list", "?state=success,failure&start=api", "", 200},
	"exportRuns":          {sallyport.RoleUser, "runs.export", "?format=jsonl", "", 200},
	"getRun":              {sallyport.RoleUser, "runs.get", "", "", 200},
	"followRun":           {sallyport.RoleUser, "runs.get", "", "", 200},
	"cancelRun":           {sallyport.RoleUser, "runs.cancel", "", "", 204},
	"listModels":          {sallyport.RoleAdministrator, "models.list_all", "", "", 200},
	"setModelAccess":      {sallyport.RoleAdministrator, "models.enable", "?model=mock-claude", `{"enabled":true}`, 204},
	"saveModel":           {sallyport.RoleAdministrator, "models.save", "", modelFile, 204},
	"deleteModel":         {sallyport.RoleAdministrator, "models.delete", "?model=own-model", "", 204},
	"listProviders":       {sallyport.RoleAdministrator, "providers.list", "", "", 200},
	"saveProvider":        {sallyport.RoleAdministrator, "providers.save", "", providerFile("https://llm.example.com/v1"), 204},
	"deleteProvider":      {sallyport.RoleAdministrator, "providers.delete", "", "", 204},
	"listAvailableModels": {sallyport.RoleUser, "models.list", "", "", 200},
	"getModelRules":       {sallyport.RoleAdministrator, "models.rules", "", "", 200},
	"setModelRules":       {sallyport.RoleAdministrator, "models.set_rules", "", `{"new":"on"}`, 204},
	"setDefaultModel":     {sallyport.RoleAdministrator, "models.set_default", "", `{"model":"mock-claude"}`, 204},
	"testProvider":        {sallyport.RoleAdministrator, "providers.test", "", "", 200},
	"addModelAlias":       {sallyport.RoleAdministrator, "models.add_alias", "?model=mock-large", `{"name":"big"}`, 204},
	"removeModelAlias":    {sallyport.RoleAdministrator, "models.remove_alias", "?model=mock-large&name=big", "", 204},
	"renameModel":         {sallyport.RoleAdministrator, "models.rename", "?model=mock-large", `{"name":"mock-large"}`, 204},
	"listModelGroups":     {sallyport.RoleAdministrator, "model_groups.list", "", "", 200},
	"saveModelGroup":      {sallyport.RoleAdministrator, "model_groups.save", "", `{"models":["mock-large"]}`, 204},
	"deleteModelGroup":    {sallyport.RoleAdministrator, "model_groups.delete", "", "", 204},
	"getProvidersHealth":  {sallyport.RoleAdministrator, "providers.health", "", "", 200},
	"listOffers":          {sallyport.RoleAdministrator, "providers.offers", "", "", 200},
	"refreshOffers":       {sallyport.RoleAdministrator, "providers.refresh", "", "", 200},
	"addOffered":          {sallyport.RoleAdministrator, "models.add", "", `{"target":"gpt-4o-mini"}`, 204},
	"testModel":           {sallyport.RoleAdministrator, "models.test", "?model=mock-claude", "", 200},
	"listLedger":          {sallyport.RoleAdministrator, "credits.ledger", "", "", 200},
	"getUsage":            {sallyport.RoleUser, "usage.get", "?by=model&from=2026-01-01", "", 200},
	"listBudgets":         {sallyport.RoleAdministrator, "budgets.list", "", "", 200},
	"setBudget":           {sallyport.RoleAdministrator, "budgets.set", "?scope=model&subject=mock-large&period=day", `{"limit":"5"}`, 200},
	"removeBudget":        {sallyport.RoleAdministrator, "budgets.remove", "?scope=model&subject=mock-large&period=day", "", 204},
	"grantCredits":        {sallyport.RoleAdministrator, "credits.grant", "", `{"amount":"1.5","note":"more"}`, 200},
	"getDLPPolicy":        {sallyport.RoleAdministrator, "policies.get", "", "", 200},
	"setDLPPolicy":        {sallyport.RoleAdministrator, "policies.set", "", `{"mode":"observe"}`, 204},
	"setLimits":           {sallyport.RoleAdministrator, "policies.set", "?scope=organisation", `{"requests_per_minute":1000000,"tokens_per_minute":0}`, 204},
	"listDLPTypes":        {sallyport.RoleUser, "dlp.types", "", "", 200},
	"testDLP":             {sallyport.RoleAdministrator, "dlp.test", "", `{"text":"a@example.com"}`, 200},
	"getDLPDraft":         {sallyport.RoleAdministrator, "dlp.draft", "", "", 200},
	"saveDLPDraft":        {sallyport.RoleAdministrator, "dlp.save_draft", "", dlpDraft, 200},
	"dropDLPDraft":        {sallyport.RoleAdministrator, "dlp.drop_draft", "", "", 204},
	"publishDLP":          {sallyport.RoleAdministrator, "dlp.publish", "", `{"revision":1}`, 200},
	"listDLPPolicies":     {sallyport.RoleAdministrator, "dlp.policies", "", "", 200},
	"listDLPVersions":     {sallyport.RoleAdministrator, "dlp.versions", "", "", 200},
	"restoreDLP":          {sallyport.RoleAdministrator, "dlp.restore", "", `{"number":1}`, 200},
	"removeDLPPolicy":     {sallyport.RoleAdministrator, "dlp.remove", "", "", 204},
	"getOwnUsage":         {sallyport.RoleUser, "usage.mine", "?by=day", "", 200},
	"getOwnUsageSeries":   {sallyport.RoleUser, "usage.mine", "", "", 200},
	"getUsageSeries":      {sallyport.RoleAdministrator, "usage.series", "", "", 200},
	"getUsageForecast":    {sallyport.RoleAdministrator, "usage.forecast", "", "", 200},
	"exportUsage":         {sallyport.RoleAdministrator, "usage.export", "", "", 200},
	"exportLedger":        {sallyport.RoleAdministrator, "credits.export", "", "", 200},
	"removeLimits":        {sallyport.RoleAdministrator, "policies.set", "?scope=organisation", "", 204},
	"listLimitUse":        {sallyport.RoleAdministrator, "limits.use", "", "", 200},
	"getUserLimits":       {sallyport.RoleAdministrator, "limits.user", "", "", 200},
	"listRecords":         {sallyport.RoleAdministrator, "audit.list", "", "", 200},
	"listSinks":           {sallyport.RoleAdministrator, "audit.sinks", "", "", 200},
	"exportRecords":       {sallyport.RoleAdministrator, "audit.export", "?format=jsonl", "", 200},

	"listGroups":              {sallyport.RoleAdministrator, "groups.list", "", "", 200},
	"createGroup":             {sallyport.RoleAdministrator, "groups.create", "", `{"name":"New"}`, 200},
	"renameGroup":             {sallyport.RoleAdministrator, "groups.rename", "", `{"name":"Other"}`, 204},
	"deleteGroup":             {sallyport.RoleAdministrator, "groups.delete", "", "", 204},
	"listGroupMembers":        {sallyport.RoleAdministrator, "groups.members", "", "", 200},
	"addToGroup":              {sallyport.RoleAdministrator, "groups.add", "", `{"members":["{user}"]}`, 204},
	"previewGroupMembers":     {sallyport.RoleAdministrator, "groups.preview", "", `{"emails":"a@example.com"}`, 200},
	"getGroupPolicies":        {sallyport.RoleAdministrator, "groups.policies", "", "", 200},
	"setGroupPolicies":        {sallyport.RoleAdministrator, "groups.set_policies", "", `{"features":{"file_upload":"on"}}`, 204},
	"getGroupRights":          {sallyport.RoleAdministrator, "groups.effective", "", "", 200},
	"getUserRights":           {sallyport.RoleAdministrator, "users.effective", "", "", 200},
	"getRights":               {sallyport.RoleUser, "identity.rights", "", "", 200},
	"explainRight":            {sallyport.RoleUser, "identity.rights", "", "", 200},
	"getOrganisationPolicies": {sallyport.RoleAdministrator, "organisation.policies", "", "", 200},
	"setOrganisationPolicies": {sallyport.RoleAdministrator, "organisation.set_policies", "", `{"features":{"file_upload":"on"}}`, 204},
	"removeFromGroup":         {sallyport.RoleAdministrator, "groups.remove", "", "", 204},
	"getAuditPolicy":          {sallyport.RoleAdministrator, "audit.policy", "", "", 200},
	"setRetention":            {sallyport.RoleAdministrator, "policies.set", "", `{"days":90}`, 204},
	"resetRetention":          {sallyport.RoleAdministrator, "policies.set", "", "", 204},
	"setContent":              {sallyport.RoleAdministrator, "policies.set", "?action=agents.step", `{"level":"request"}`, 204},
	"resetContent":            {sallyport.RoleAdministrator, "policies.set", "?action=agents.step", "", 204},
	"setContentReaders":       {sallyport.RoleAdministrator, "policies.set", "", `{"users":[]}`, 204},
	"setLegalHold":            {sallyport.RoleAdministrator, "audit.hold", "", `{"on":false}`, 204},
	"getContent":              {sallyport.RoleUser, "audit.content", "", "", 200},
	"erase":                   {sallyport.RoleAdministrator, "audit.erase", "", `{"what":"content","user_id":"somebody"}`, 200},
	"listTombstones":          {sallyport.RoleAdministrator, "audit.tombstones", "", "", 200},

	"listUsers":    {sallyport.RoleAdministrator, "users.list", "?q=home&state=active&limit=2", "", 200},
	"exportUsers":  {sallyport.RoleAdministrator, "users.export", "", "", 200},
	"changeUser":   {sallyport.RoleAdministrator, "users.update", "", `{"state":"active"}`, 204},
	"signOutUser":  {sallyport.RoleAdministrator, "users.sign_out", "", "", 204},
	"listInvites":  {sallyport.RoleAdministrator, "invites.list", "", "", 200},
	"createInvite": {sallyport.RoleAdministrator, "invites.create", "", `{"email":"new@home.test"}`, 200},
	"deleteInvite": {sallyport.RoleAdministrator, "invites.delete", "", "", 204},
}

// ofPeople are the operations that a key does not open, and those that need
// none: sessions_test.go and people_test.go have them.
var ofPeople = []string{
	"signIn", "getSession", "switchOrganisation", "signOut", "listSessions", "endSession", "changePassword",
	"getSetup", "setUp", "lookAtInvite", "acceptInvite",
}

// ofConversations are operations that their owner alone may do, whatever the
// role: TestWalkOwners and conversations_test.go have them.
func ofConversations(path string) bool {
	return strings.HasPrefix(path, "/api/v1/conversations") || strings.HasPrefix(path, "/api/v1/shares")
}

const (
	agentFile = `{"displayName":"A","description":"d","systemPrompt":"s","model":"mock-large","inputs":[],"steps":[{"name":"one","llmStep":{"prompt":"p"}}]}`
	modelFile = `{"id":"own-model","display_name":"Own","provider":"own","target":"gpt","price":{"input":"1","output":"2"}}`
	// upstreamSecret must never be seen again.
	upstreamSecret = "the-upstream-credential-of-home"
)

func providerFile(address string) string {
	return `{"name":"own","type":"openai","base_url":` + quoted(address) + `,"api_key":"` + upstreamSecret + `"}`
}

var ranks = []sallyport.Role{sallyport.RoleUser, sallyport.RoleAgentCreator, sallyport.RoleAdministrator}

// TestRoles calls every operation that is described as every role.
func TestRoles(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	d, _ := describe(t, h)
	seen := 0
	for path, operations := range d.Paths {
		for method, op := range operations {
			if slices.Contains(ofPeople, op.OperationID) || ofConversations(path) {
				continue
			}
			may, known := permissions[op.OperationID]
			if !known {
				t.Errorf("nobody said who may call %s", op.OperationID)
				continue
			}
			seen++
			for _, m := range h.Home.Members() {
				t.Run(op.OperationID+" "+string(m.Role), func(t *testing.T) {
					prepare(t, h, op.OperationID)
					key, _ := h.NewKey(t, m, time.Time{})
					id, kept := string(key), ""
					switch {
					case strings.Contains(path, "/users/"):
						id = string(m.ID)
					case strings.Contains(path, "/agents/"):
						id = ownAgent(t, h, m)
					case strings.Contains(path, "/runs/"):
						id = ownRun(t, h, m, op.OperationID == "followRun")
					case strings.Contains(path, "/groups/{id}"):
						id = newGroup(t, h, op.OperationID+" "+string(m.Role), m)
						defer h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/groups/"+id, "")
					}
					switch {
					case op.OperationID == "deleteSavedSearch":
						id = savedSearch(t, h, m, op.OperationID)
					case strings.Contains(path, "/users/"):
						id = string(m.ID)
					case strings.Contains(path, "/invites/"):
						id, _ = invited(t, h, "new@home.test", "")
					}
					if op.OperationID == "getContent" {
						kept = keptCall(t, h)
					}
					name := "own"
					if op.OperationID == "testProvider" || op.OperationID == "refreshOffers" {
						name = "fake" // which is asked indeed
					}
					fill := strings.NewReplacer("{id}", id, "{user}", string(m.ID), "{name}", name, "{call}", kept, "{record}", "1")
					mark := h.Mark(t, h.Home.ID)
					a := h.Call(t, m.Key, strings.ToUpper(method), fill.Replace(path)+may.query, fill.Replace(may.body))
					records := h.Records(t, h.Home.ID, mark)
					if slices.Index(ranks, m.Role) < slices.Index(ranks, may.least) {
						if a.Status != http.StatusForbidden || !strings.HasPrefix(a.Body, `{"error":"Forbidden","message":"this needs the role `) {
							t.Errorf("got %d %s, want 403", a.Status, a.Body)
						}
						wantRefusal(t, records, sallyport.Forbidden, http.StatusForbidden)
						return
					}
					if a.Status != may.want {
						t.Errorf("got %d %s, want %d", a.Status, a.Body, may.want)
					}
					if op.OperationID == "testModel" { // a call like any other
						wantPair(t, records, sallyport.OutcomeSuccess, "")
						return
					}
					if len(records) != 1 || records[0].Phase != sallyport.PhaseEvent || records[0].Action != may.action ||
						records[0].Actor.Key != m.KeyID || records[0].RequestID != a.RequestID {
						t.Errorf("got records %+v, want one event", records)
					}
				})
			}
		}
	}
	if seen != len(permissions) {
		t.Errorf("%d operations are described, the table has %d", seen, len(permissions))
	}
}

// prepare makes what an operation on models or providers is going to need.
func prepare(t *testing.T, h *servertest.House, operation string) {
	t.Helper()
	post := func(path, body string) {
		t.Helper()
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, path, body); a.Status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	switch {
	case operation == "listOffers" || operation == "addOffered":
		post("/api/v1/providers", providerFile("https://llm.example.com/v1"))
		listOffered(t, h, "own", sallyport.ModelOffer{Target: "gpt-4o-mini", Type: sallyport.ChatModel})
	case operation == "addModelAlias":
		h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/models/aliases?model=mock-large&name=big", "")
	case operation == "removeModelAlias":
		h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/models/aliases?model=mock-large", `{"name":"big"}`)
	case operation == "deleteModelGroup":
		h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/model-groups/own", `{"models":["mock-large"]}`)
	case operation == "removeBudget":
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/budgets?scope=model&subject=mock-large&period=day", `{"limit":"5"}`); a.Status != http.StatusOK {
			t.Fatalf("set a budget: %d %s", a.Status, a.Body)
		}
	case slices.Contains([]string{"saveDLPDraft", "dropDLPDraft", "publishDLP", "restoreDLP", "removeDLPPolicy"}, operation):
		prepareDLP(t, h, operation)
	case operation == "removeLimits":
		setLimits(t, h, "organisation", "", 1_000_000, 0)
	case strings.HasSuffix(operation, "Model"):
		post("/api/v1/providers", providerFile("https://llm.example.com/v1"))
		post("/api/v1/models", modelFile)
	case strings.HasSuffix(operation, "Provider"): // which no model may name
		h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/models?model=own-model", "")
		h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/models?model=gpt-4o-mini", "")
		post("/api/v1/providers", providerFile("https://llm.example.com/v1"))
	}
}

// TestOtherOrganisation: an administrator of one organisation reaches nothing of
// another by its ids.
func TestOtherOrganisation(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	prepare(t, h, "saveModel")
	group := newGroup(t, h, "Red", h.Home.User)
	agent := importedAgent(t, h)
	run := startedRun(t, h, agent)
	h.Call(t, h.Home.User.Key, http.MethodGet, "/api/v1/me", "")
	home := h.Mark(t, h.Home.ID)
	stranger := h.Other.Admin.Key
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		not                      string
	}{
		{"agent", "GET", "/v1/agents/" + agent, "", 404, "mock-large"},
		{"start run", "POST", "/v1/agents/" + agent + "/run", `{"input":"x"}`, 404, "runId"},
		{"start run by body", "POST", "/v1/agents/runs", `{"agentId":"` + agent + `"}`, 404, "runId"},
		{"run", "GET", "/v1/runs/" + run, "", 404, run},
		{"run below its agent", "GET", "/v1/agents/" + agent + "/runs/" + run, "", 404, run},
		{"agents", "GET", "/v1/agents/list", "", 200, agent},
		{"agents as models", "GET", "/v1/models?include_agents=true", "", 200, agent},
		{"agent as a model", "GET", "/v1/models/agent/" + agent, "", 404, agent},
		{"model", "GET", "/v1/models/own-model", "", 404, `"own-model"`},
		{"models", "GET", "/v1/models", "", 200, "own-model"},
		{"chat with the model", "POST", "/v1/chat/completions", strings.Replace(chatBody(false, "x", ""), "mock-large", "own-model", 1), 400, "choices"},
		{"all models", "GET", "/api/v1/models", "", 200, "own-model"},
		{"switch off the model", "PUT", "/api/v1/models/access?model=own-model", `{"enabled":false}`, 404, ""},
		{"delete the model", "DELETE", "/api/v1/models?model=own-model", "", 404, ""},
		{"model of the provider", "POST", "/api/v1/models", modelFile, 400, ""},
		{"providers", "GET", "/api/v1/providers", "", 200, `"own"`},
		{"delete the provider", "DELETE", "/api/v1/providers/own", "", 404, ""},
		{"keys", "GET", "/api/v1/keys", "", 200, string(h.Home.User.KeyID)},
		{"revoke a key", "DELETE", "/api/v1/keys/" + string(h.Home.User.KeyID), "", 404, ""},
		{"limits of a user", "PUT", "/api/v1/limits?scope=user&id=" + string(h.Home.User.ID), `{"requests_per_minute":1,"tokens_per_minute":1}`, 404, ""},
		{"limits of a key", "PUT", "/api/v1/limits?scope=key&id=" + string(h.Home.User.KeyID), `{"requests_per_minute":1,"tokens_per_minute":1}`, 404, ""},
		{"groups", "GET", "/api/v1/groups", "", 200, group},
		{"members of a group", "GET", "/api/v1/groups/" + group + "/members", "", 404, string(h.Home.User.ID)},
		{"rename a group", "PUT", "/api/v1/groups/" + group, `{"name":"Theirs"}`, 404, ""},
		{"delete a group", "DELETE", "/api/v1/groups/" + group, "", 404, ""},
		{"join a group", "POST", "/api/v1/groups/" + group + "/members", `{"members":[` + quoted(string(h.Other.Admin.ID)) + `]}`, 404, ""},
		{"put another's member into a group", "POST", "/api/v1/groups/" + group + "/members", `{"members":[` + quoted(string(h.Home.User.ID)) + `]}`, 404, ""},
		{"take a member out of a group", "DELETE", "/api/v1/groups/" + group + "/members/" + string(h.Home.User.ID), "", 404, ""},
		{"limits of a group", "PUT", "/api/v1/limits?scope=group&id=" + group, `{"requests_per_minute":1,"tokens_per_minute":1}`, 404, ""},
		{"budget of a group", "PUT", "/api/v1/budgets?scope=group&subject=" + group, `{"limit":"0"}`, 404, ""},
		{"limits of an organisation", "PUT", "/api/v1/limits?scope=organisation&id=" + string(h.Home.ID), `{"requests_per_minute":1000,"tokens_per_minute":0}`, 204, ""},
		{"records", "GET", "/api/v1/audit/records?key=" + string(h.Home.User.KeyID), "", 200, "org_seq"},
		{"all records", "GET", "/api/v1/audit/records?limit=500", "", 200, string(h.Home.ID)},
		{"ledger", "GET", "/api/v1/credits/ledger", "", 200, string(h.Home.ID)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := h.Call(t, stranger, tt.method, tt.path, tt.body)
			if a.Status != tt.status || tt.not != "" && strings.Contains(a.Body, tt.not) {
				t.Errorf("got %d %s, want %d without %q", a.Status, a.Body, tt.status, tt.not)
			}
		})
	}
	if h.Mark(t, h.Home.ID) != home {
		t.Errorf("records were written at home: %+v", h.Records(t, h.Home.ID, home))
	}
	for _, tt := range []struct {
		path string
		want string
	}{
		{"/v1/agents/" + agent, agent}, {"/v1/runs/" + run, `"in_progress"`},
		{"/v1/models/own-model", `"own-model"`}, {"/v1/models", "mock-large"}, {"/api/v1/me", string(h.Home.User.KeyID)}, {"/api/v1/me", group},
	} {
		for range 3 { // a limit of one a minute would refuse the second
			if a := h.Call(t, h.Home.User.Key, http.MethodGet, tt.path, ""); a.Status != http.StatusOK || !strings.Contains(a.Body, tt.want) {
				t.Errorf("%s at home: %d %s", tt.path, a.Status, a.Body)
			}
		}
	}
	for range 3 {
		if a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
			t.Errorf("chat at home: %d %s", a.Status, a.Body)
		}
	}
}

// importedAgent is a shared agent of Home.
func importedAgent(t *testing.T, h *servertest.House) string {
	t.Helper()
	a := h.Call(t, h.Home.Creator.Key, http.MethodPost, "/api/v1/agents", agentFile)
	var made struct {
		AgentID string `json:"agent_id"`
	}
	if err := json.Unmarshal([]byte(a.Body), &made); err != nil || made.AgentID == "" {
		t.Fatalf("import: %d %s", a.Status, a.Body)
	}
	share(t, h, made.AgentID)
	return made.AgentID
}

func share(t *testing.T, h *servertest.House, agent string) {
	t.Helper()
	a := h.Call(t, h.Home.Creator.Key, http.MethodPut, "/api/v1/agents/"+agent+"/shared", `{"shared":true}`)
	if a.Status != http.StatusNoContent {
		t.Fatalf("share: %d %s", a.Status, a.Body)
	}
}

// startedRun is a run of that agent.
func startedRun(t *testing.T, h *servertest.House, agent string) string {
	t.Helper()
	a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/agents/"+agent+"/run", `{"input":"x"}`)
	var run struct{ RunID string }
	if err := json.Unmarshal([]byte(a.Body), &run); err != nil || run.RunID == "" {
		t.Fatalf("start: %d %s", a.Status, a.Body)
	}
	return run.RunID
}

// People see and revoke their own keys; administrators everybody's.
func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	list := h.Call(t, h.Home.User.Key, http.MethodGet, "/api/v1/keys", "").Body
	if !strings.Contains(list, string(h.Home.User.KeyID)) || strings.Contains(list, string(h.Home.Admin.KeyID)) {
		t.Errorf("a user sees %s", list)
	}
	if a := h.Call(t, h.Home.User.Key, http.MethodDelete, "/api/v1/keys/"+string(h.Home.Admin.KeyID), ""); a.Status != http.StatusNotFound {
		t.Errorf("a user revokes an administrator's key: %d %s", a.Status, a.Body)
	}
	list = h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/keys", "").Body
	for _, m := range h.Home.Members() {
		if !strings.Contains(list, string(m.KeyID)) || strings.Contains(list, m.Key) {
			t.Errorf("an administrator sees %s", list)
		}
	}
	// Revoking again changes nothing, and is a call like any other.
	for range 2 {
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/keys/"+string(h.Home.User.KeyID), "")
		if records := h.Records(t, h.Home.ID, mark); a.Status != http.StatusNoContent || len(records) != 1 {
			t.Errorf("got %d and records %+v", a.Status, records)
		}
	}
}

// An address that comes by the API must be that of a public host.
func TestProviderAddresses(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, address := range []string{
		"http://llm.example.com/v1", "https://127.0.0.1/v1", "https://localhost/v1", "https://LOCALHOST./v1", "https://a.localhost",
		"https://10.0.0.1", "https://172.16.0.1", "https://192.168.1.1:8443/v1", "https://169.254.169.254/latest", "https://100.64.0.1",
		"https://[::1]/v1", "https://[::ffff:127.0.0.1]/v1", "https://[::ffff:8.8.8.8]/v1", "https://[fd00::1]", "https://[fe80::1%25eth0]",
		"https://[64:ff9b::7f00:1]", "https://2130706433/v1", "https://0x7f000001", "https://0x7f.1", "https://127.1", "https://0", "https://0.0.0.0",
		"https://017700000001", "https://user:pass@llm.example.com", "ftp://llm.example.com", "//llm.example.com", "https://", "llm.example.com", "https:llm.example.com", " ",
	} {
		a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/providers", providerFile(address))
		if a.Status != http.StatusBadRequest || !strings.HasPrefix(a.Body, `{"error":"Bad Request","message":"base_url `) || strings.Contains(a.Body, upstreamSecret) {
			t.Errorf("%s: got %d %s", address, a.Status, a.Body)
		}
	}
	for _, body := range []string{
		`{"name":"own","type":"offline","base_url":"","api_key":"x"}`,
		`{"name":"own","type":"ollama","base_url":"","api_key":"x"}`,
		`{"name":"own","type":"nobody","base_url":"https://llm.example.com","api_key":"x"}`,
		`{"name":"../own","type":"openai","base_url":"https://llm.example.com","api_key":"` + upstreamSecret + `"}`,
		`{"type":"openai","base_url":"https://llm.example.com","api_key":"` + upstreamSecret + `"}`,
		`{"name":"own","type":"openai","base_url":"https://llm.example.com","api_key":["` + upstreamSecret + `"]}`,
		`{"name":"fake","type":"openai","base_url":"https://llm.example.com","api_key":"x"}`,
		`{"name":"own","type":"bedrock","base_url":"https://llm.example.com","api_key":"AKID:` + upstreamSecret + `"}`,
		`{"name":"own","type":"vertex","base_url":"https://llm.example.com","api_key":"{` + upstreamSecret + `"}`,
	} {
		a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/providers", body)
		if a.Status/100 != 4 || strings.Contains(a.Body, upstreamSecret) {
			t.Errorf("%s: got %d %s", body, a.Status, a.Body)
		}
	}
	if list := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/providers", "").Body; strings.Contains(list, `"managed_by":"organisation"`) {
		t.Errorf("something was stored: %s", list)
	}
}

// An organisation's own provider: its credential is never seen again, its models
// can be listed, switched off and deleted.
func TestOwnProvider(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	admin := h.Home.Admin.Key
	call := func(method, path, body string, status int) string {
		t.Helper()
		a := h.Call(t, admin, method, path, body)
		if a.Status != status || strings.Contains(a.Body, upstreamSecret) {
			t.Errorf("%s %s: got %d %s, want %d", method, path, a.Status, a.Body, status)
		}
		return a.Body
	}
	call("POST", "/api/v1/providers", providerFile("https://llm.example.com/v1"), 204)
	if list := call("GET", "/api/v1/providers", "", 200); !strings.Contains(list, `"credential_set":true`) {
		t.Errorf("the list is %s", list)
	}
	call("POST", "/api/v1/models", strings.Replace(modelFile, `"own"`, `"fake"`, 1), 400)                    // of the operator's provider
	call("POST", "/api/v1/models", strings.Replace(modelFile, `"own-model"`, `"mock-large"`, 1), 409)        // the operator's model
	call("POST", "/api/v1/models", strings.Replace(modelFile, `"input":"1"`, `"input":"-1"`, 1), 422)        // a price below nothing
	call("POST", "/api/v1/models", strings.Replace(modelFile, `"input":"1"`, `"input":"1.1234567"`, 1), 422) // more decimals than can be reckoned
	call("POST", "/api/v1/models", modelFile, 204)
	if list := call("GET", "/v1/models", "", 200); !strings.Contains(list, `{"id":"own-model","object":"model","created":0,"owned_by":"kindo","display_name":"Own"}`) {
		t.Errorf("the list is %s", list)
	}
	call("PUT", "/api/v1/models/access?model=own-model", `{"enabled":false}`, 204)
	ask := strings.Replace(chatBody(false, "x", ""), "mock-large", "own-model", 1)
	if body := call("POST", "/v1/chat/completions", ask, 403); !strings.Contains(body, `"type":"permission_error","code":"model_access_denied"`) {
		t.Errorf("got %s", body)
	}
	call("GET", "/v1/models/own-model", "", 404)
	if list := call("GET", "/v1/models", "", 200); strings.Contains(list, "own-model") {
		t.Errorf("the list is %s", list)
	}
	if list := call("GET", "/api/v1/models", "", 200); !strings.Contains(list, `"id":"own-model"`) {
		t.Errorf("the list is %s", list)
	}
	call("PUT", "/api/v1/models/access?model=own-model", `{"enabled":true}`, 204)
	call("GET", "/v1/models/own-model", "", 200)
	call("DELETE", "/api/v1/models?model=own-model", "", 204)
	call("DELETE", "/api/v1/models?model=own-model", "", 404)
	call("POST", "/v1/chat/completions", ask, 400)
	call("DELETE", "/api/v1/models?model=mock-large", "", 404)
	call("POST", "/api/v1/providers", `{"name":"keyless","type":"openai","base_url":"https://llm.example.com"}`, 204)
	if list := call("GET", "/api/v1/providers", "", 200); !strings.Contains(list, `"credential_set":false`) {
		t.Errorf("a provider without a key: %s", list)
	}
	notStored(t, h, upstreamSecret)
	call("DELETE", "/api/v1/providers/own", "", 204)
	call("DELETE", "/api/v1/providers/own", "", 404)
}

// notStored looks for the text in the files of the database.
func notStored(t *testing.T, h *servertest.House, text string) {
	t.Helper()
	files, err := filepath.Glob(h.Path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	known := false
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("%s has %q in plain", filepath.Base(file), text)
		}
		known = known || bytes.Contains(content, []byte("llm.example.com"))
	}
	if !known {
		t.Error("the files do not even have the address: this test looks at the wrong place")
	}
}

// A provider that models name stays: calls to them could only fail.
func TestProviderInUse(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	prepare(t, h, "saveModel")
	admin := h.Home.Admin.Key
	if a := h.Call(t, admin, http.MethodDelete, "/api/v1/providers/own", ""); a.Status != http.StatusConflict || !strings.Contains(a.Body, "own-model") {
		t.Errorf("got %d %s, want 409 that names the model", a.Status, a.Body)
	}
	for _, path := range []string{"/api/v1/models?model=own-model", "/api/v1/providers/own"} {
		if a := h.Call(t, admin, http.MethodDelete, path, ""); a.Status != http.StatusNoContent {
			t.Errorf("%s: got %d %s", path, a.Status, a.Body)
		}
	}
}

// A policy for a model binds that model alone.
func TestPolicyOfOneModel(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	admin := h.Home.Admin.Key
	put := func(path, body string, status int) {
		t.Helper()
		if a := h.Call(t, admin, http.MethodPut, path, body); a.Status != status {
			t.Errorf("%s: got %d %s, want %d", path, a.Status, a.Body, status)
		}
	}
	mode := func(path, want string) {
		t.Helper()
		if a := h.Call(t, admin, http.MethodGet, path, ""); !strings.Contains(a.Body, `"mode":"`+want+`"`) {
			t.Errorf("%s: got %d %s, want mode %s", path, a.Status, a.Body, want)
		}
	}
	put("/api/v1/dlp/policy?model=mock-claude", `{"mode":"off"}`, 204)
	mode("/api/v1/dlp/policy", "enforce")
	mode("/api/v1/dlp/policy?model=mock-large", "enforce")
	mode("/api/v1/dlp/policy?model=mock-claude", "off")
	put("/api/v1/dlp/policy", `{"mode":"observe"}`, 204)
	mode("/api/v1/dlp/policy?model=mock-large", "observe")
	mode("/api/v1/dlp/policy?model=mock-claude", "off")
	for _, body := range []string{`{"mode":"sometimes"}`, `{"mod":"off"}`, `[]`, `{"in":{"NOTHING":"block"}}`, `{"out":{"*":"tokenize"}}`} {
		put("/api/v1/dlp/policy", body, 400)
	}
	mode("/api/v1/dlp/policy", "observe")
}

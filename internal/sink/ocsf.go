package sink

import (
	"encoding/json"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

// ocsfVersion is the schema that events are written by. Versions from 1.9.0 on
// have User Management 3007 in place of Account Change, and record_integrity.
const ocsfVersion = "1.8.0"

// class is a class of events of the schema.
type class struct {
	uid      int
	name     string
	category string // whose number is the first digit of uid
}

var (
	apiActivity      = class{6003, "API Activity", "Application Activity"}
	dataFinding      = class{2006, "Data Security Finding", "Findings"}
	accountChange    = class{3001, "Account Change", "Identity & Access Management"}
	authentication   = class{3002, "Authentication", "Identity & Access Management"}
	entityManagement = class{3004, "Entity Management", "Identity & Access Management"}
)

// code is a number of the schema and its word.
type code struct {
	id   int
	name string
}

// other is an activity that a class has no number for; the action names it.
var other = code{id: 99}

// kind is what an action becomes.
type kind struct {
	class
	activity code
}

// kindRows say what each action of the trail becomes: who signs in and out, what is
// done to accounts and to what administrators manage; all else is use of the
// API. An action that is missing here is an other API Activity.
var kindRows = []kindRow{
	{authentication, code{1, "Logon"}, `session.create`},
	{authentication, code{2, "Logoff"}, `session.end sessions.end users.sign_out`},
	{authentication, other, `session.organisation`},

	{accountChange, code{1, "Create"}, `setup.create users.create invites.accept`},
	{accountChange, code{3, "Password Change"}, `password.change`},
	{accountChange, code{4, "Password Reset"}, `users.reset_password`},
	{accountChange, other, `users.update`}, // see ofAccount

	{entityManagement, code{1, "Create"}, `
		agents.create groups.create invites.create keys.create models.add organisations.create`},
	{entityManagement, code{3, "Update"}, `
		agents.share agents.update audit.hold audit.save_search budgets.set credits.grant
		dlp.drop_draft dlp.publish dlp.remove dlp.restore dlp.save_draft
		groups.add groups.remove groups.set_policies
		model_groups.save models.add_alias models.remove_alias models.save models.set_default models.set_rules
		organisation.set_policies policies.set providers.refresh providers.save`},
	{entityManagement, code{4, "Delete"}, `
		agents.delete audit.delete_search budgets.remove groups.delete invites.delete keys.revoke
		model_groups.delete models.delete providers.delete`},
	{entityManagement, code{5, "Move"}, `groups.rename models.rename`}, // or rename
	{entityManagement, code{8, "Enable"}, `models.enable`},
	{entityManagement, code{9, "Disable"}, `models.disable`},
	{entityManagement, other, `models.access`}, // a refusal, which does not say what was wanted

	{apiActivity, code{1, "Create"}, `
		agents.step audio.transcriptions chat.completions completions embeddings messages messages.answer
		conversations.continue conversations.create conversations.fork conversations.regenerate conversations.run
		conversations.send files.create files.upload models.test responses.create runs.start threads.add threads.create`},
	{apiActivity, code{2, "Read"}, `
		agents.export agents.get agents.list agents.preview
		audit.content audit.export audit.follow audit.get audit.histogram audit.list audit.policy audit.prove
		audit.searches audit.sinks audit.tombstones audit.verifications audit.verified audit.verify
		budgets.list conversations.attachment conversations.events conversations.export conversations.get
		conversations.limits conversations.list conversations.messages credits.export credits.get credits.ledger
		dlp.draft dlp.policies dlp.scan dlp.test dlp.types dlp.versions files.content files.get files.list
		groups.effective groups.list groups.members groups.policies groups.preview identity.get identity.rights
		invites.list invites.look keys.list limits.use limits.user messages.count_tokens
		model_groups.list models.get models.list models.list_all models.rules organisation.policies policies.get
		providers.health providers.list providers.offers providers.test responses.get responses.input_tokens
		runs.export runs.get runs.list session.get sessions.list setup.get shares.get shares.list
		system.diagnostics system.get threads.get threads.items
		usage.export usage.forecast usage.get usage.mine usage.series users.effective users.export users.list`},
	{apiActivity, code{3, "Update"}, `
		conversations.rate conversations.restore conversations.share conversations.stop conversations.update
		responses.cancel runs.cancel runs.end threads.update`},
	{apiActivity, code{4, "Delete"}, `
		audit.erase audit.expire audit.retention conversations.delete conversations.erase files.delete
		responses.delete shares.delete threads.delete threads.remove`},
	{apiActivity, other, `
		budgets.alert clock.jump damaged integrations.use keys.use models.use refused server.start server.stop
		sink.behind sink.caught_up sink.dead_letter sink.replay sink.test tools.use`},
}

// kindRow is one kind and its actions.
type kindRow struct {
	class    class
	activity code
	actions  string
}

// kinds are the kindRows by action.
var kinds = func() map[string]kind {
	kinds := make(map[string]kind)
	for _, row := range kindRows {
		for _, action := range strings.Fields(row.actions) {
			kinds[action] = kind{row.class, row.activity}
		}
	}
	return kinds
}()

func kindOf(r *sallyport.Record) kind {
	k, known := kinds[r.Action]
	if !known {
		k = kind{apiActivity, other}
	}
	if r.Action == "users.update" {
		k.activity = ofAccount(r)
	}
	return k
}

// ofAccount is what became of an account: Account Change has numbers for its
// state, and none for its role.
func ofAccount(r *sallyport.Record) code {
	var change struct{ State string }
	if json.Unmarshal(r.Change, &change) != nil {
		return other
	}
	switch change.State {
	case "active":
		return code{2, "Enable"}
	case "deactivated":
		return code{5, "Disable"}
	}
	return other
}

type object = map[string]any

// ocsf is the record as an event of the class of its action, with all of it
// under unmapped, and as a finding where DLP found something.
//
// They are two, because a call with findings is a call like others for who counts
// calls and tokens, and 2006 has no place for either. Receivers fold by
// metadata.uid: the record's id is the first one's, and the finding's begins with it.
func ocsf(item Item, version string) []event {
	r := &item.Record
	k := kindOf(r)
	first := envelope(item, version, k, r.EventID)
	first["severity_id"], first["status_id"], first["status"] = 1, 0, "Unknown"
	if alarming(r) {
		first["severity_id"], first["status_id"], first["status"] = 3, 2, "Failure"
	} else if r.Phase == sallyport.PhaseOutcome || r.Phase == sallyport.PhaseEvent {
		first["status_id"], first["status"] = 1, "Success"
	}
	if r.Code != "" {
		first["status_code"] = string(r.Code)
	}
	if item.Source.UserAgent != "" {
		first["http_request"] = object{"user_agent": item.Source.UserAgent}
	}
	first["unmapped"] = object{"record": json.RawMessage(audit.LineOf(item.StoredRecord))}
	switch k.class {
	case authentication:
		addAuthentication(first, r)
	case accountChange:
		first["user"] = target(r)
	case entityManagement:
		first["entity"] = entity(r)
	default:
		addCall(first, r)
	}
	text, err := json.Marshal(first)
	if err != nil { // the time is out of range: nothing else can be wrong here
		return alone(item, audit.LineOf(item.StoredRecord))
	}
	events := alone(item, text)
	if found := foundTypes(r); len(found) > 0 {
		id := r.EventID + "/dlp"
		if text, err = json.Marshal(finding(item, version, k, id, found)); err == nil {
			events = append(events, event{id, text})
		}
	}
	return events
}

// envelope is what events of all classes have.
func envelope(item Item, version string, k kind, id string) object {
	r := &item.Record
	metadata := object{
		"version": ocsfVersion, "uid": id, "original_event_uid": r.EventID, "sequence": item.Seq,
		"tenant_uid": string(r.Org), "event_code": r.Action,
		"product": object{"name": product, "vendor_name": vendor, "version": version},
	}
	if r.Call != "" {
		metadata["correlation_uid"] = string(r.Call)
	}
	return object{
		"class_uid": k.uid, "class_name": k.name, "category_uid": k.uid / 1000, "category_name": k.category,
		"activity_id": k.activity.id, "activity_name": or(k.activity.name, or(r.Action, "unknown")), "type_uid": k.typeUID(),
		"time": r.Time.UnixMilli(), "metadata": metadata, "actor": actor(r), "src_endpoint": source(item),
	}
}

func (k kind) typeUID() int { return k.uid*100 + k.activity.id }

// profile adds one to those that an event is made with.
func profile(e object, name string) {
	metadata := e["metadata"].(object)
	profiles, _ := metadata["profiles"].([]string)
	metadata["profiles"] = append(profiles, name)
}

// addCall adds what API Activity has, and the profile for calls of models.
func addCall(e object, r *sallyport.Record) {
	api := object{
		"operation": or(r.Action, "unknown"), "service": object{"name": product},
		"request": object{"uid": or(r.RequestID, r.EventID)},
	}
	if r.Status != 0 { // an answer, which an intent has not got yet
		api["response"] = object{"code": r.Status, "error": string(r.Code)}
	}
	e["api"] = api
	model := or(r.ModelUsed, r.ModelRequested)
	if model == "" {
		return
	}
	profile(e, "ai_operation")
	e["ai_model"] = object{"name": model, "ai_provider": or(r.Provider, "unknown")}
	if t := r.Tokens; t != nil {
		prompt := t.Input + t.CachedInput + t.CacheWrite
		e["message_context"] = object{
			"service": object{"name": product}, "uid": string(r.Call),
			"prompt_tokens": prompt, "completion_tokens": t.Output, "total_tokens": prompt + t.Output,
		}
	}
}

// addAuthentication adds who signed in or out. Sessions begin with a password,
// for which the schema has no number among the protocols.
func addAuthentication(e object, r *sallyport.Record) {
	e["user"] = target(r)
	e["service"] = object{"name": product}
	e["is_remote"] = true
	e["logon_type_id"], e["logon_type"] = 3, "Network"
	e["auth_protocol_id"], e["auth_protocol"] = 99, "Password"
	if id, is := strings.CutPrefix(r.Resource, "session/"); is {
		e["session"] = object{"uid": id}
	}
}

// target is the account that something is done to: the resource, or who does it.
func target(r *sallyport.Record) object {
	if id, is := strings.CutPrefix(r.Resource, "user/"); is {
		return object{"uid": id, "type_id": 1, "type": "User"}
	}
	return user(r)
}

// entity is what is managed: the resource, or what the action's name says.
func entity(r *sallyport.Record) object {
	kind, id, named := strings.Cut(r.Resource, "/")
	if named {
		return object{"type": kind, "uid": id}
	}
	noun, _, _ := strings.Cut(r.Action, ".")
	kind = or(kind, noun)
	return object{"type": kind, "name": kind}
}

func actor(r *sallyport.Record) object {
	told := object{"user": user(r)}
	if r.Actor.User == "" {
		told["app_name"] = product
	}
	if r.Actor.Session != "" {
		told["session"] = object{"uid": string(r.Actor.Session)}
	}
	return told
}

func user(r *sallyport.Record) object {
	switch {
	case r.Actor.User != "":
	case r.Actor.Type == audit.ActorSystem:
		return object{"name": product, "type_id": 3, "type": "System"}
	default:
		return object{"name": or(r.Actor.Type, "unknown"), "type_id": 0, "type": "Unknown"}
	}
	told := object{"uid": string(r.Actor.User), "type_id": 1, "type": "User"}
	if r.Actor.Key != "" {
		told["programmatic_credentials"] = []object{{"uid": string(r.Actor.Key), "type": "API Key"}}
	}
	return told
}

func source(item Item) object {
	if item.Source.IP == "" {
		return object{"name": or(item.Record.Node, "unknown")}
	}
	return object{"ip": item.Source.IP}
}

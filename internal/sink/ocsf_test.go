package sink

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// notActions are names in the sources that look like those of actions.
var notActions = []string{"conversation.deleted", "dlp.finding", "dlp.token", "vcs.revision"}

// Every action that a policy names or the sources write has its kind, and no
// kind is of an action that nobody writes.
func TestEveryActionHasItsKind(t *testing.T) {
	t.Parallel()
	written := map[string]bool{"damaged": true, "refused": true}
	for _, action := range access.Known() {
		written[action] = true
	}
	name := regexp.MustCompile(`"([a-z_]+(?:\.[a-z_]+)+)"`)
	file := regexp.MustCompile(`\.(cedar|csv|db|html|json|jsonl|key|lock|md|yaml)$`)
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			// Wire formats, attributes and settings have names of their own.
			if slices.Contains([]string{"bench", "clients", "docs", "internal/config", "internal/dialect", "internal/provider", "internal/telemetry", "scripts", "web"}, path) ||
				strings.HasSuffix(path, "test") || path == "internal/sink" {
				return fs.SkipDir
			}
			return nil
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := fs.ReadFile(root, path)
		for _, found := range name.FindAllSubmatch(source, -1) {
			if action := string(found[1]); !file.MatchString(action) && !slices.Contains(notActions, action) {
				written[action] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"sink.behind", "sink.caught_up", "sink.dead_letter"} { // of this package
		written[action] = true
	}
	if len(written) < 180 {
		t.Fatalf("found only %d actions", len(written))
	}
	for _, action := range slices.Sorted(maps.Keys(written)) {
		if _, known := kinds[action]; !known {
			t.Errorf("%q has no kind: add it to kindRows in ocsf.go, or to notActions if it is none", action)
		}
	}
	for _, action := range slices.Sorted(maps.Keys(kinds)) {
		if !written[action] {
			t.Errorf("%q has a kind, and nobody writes it", action)
		}
	}
	seen := make(map[string]bool)
	for _, row := range kindRows {
		for _, action := range strings.Fields(row.actions) {
			if seen[action] {
				t.Errorf("%q has two kinds", action)
			}
			seen[action] = true
		}
	}
}

// The attributes of https://schema.ocsf.io/1.8.0: those of all classes and of
// each, the required ones first.
var (
	everywhere = schema{
		"activity_id category_uid class_uid metadata severity_id time type_uid",
		"activity_name category_name class_name status status_code status_id unmapped",
	}
	schemas = map[int]schema{
		6003: {"actor api src_endpoint", "http_request ai_model message_context"},
		2006: {"finding_info", "actor src_endpoint data_security is_alert action action_id disposition disposition_id"},
		3001: {"user", "actor src_endpoint http_request"},
		3002: {"user service", "actor src_endpoint http_request auth_protocol auth_protocol_id is_remote logon_type logon_type_id session"},
		3004: {"entity", "actor src_endpoint http_request"},
	}
	// activities are those of each class, besides 99.
	activities = map[int]int{6003: 4, 2006: 3, 3001: 12, 3002: 7, 3004: 13}
)

type schema struct{ required, optional string }

// fits says what is wrong with an event.
func fits(e map[string]any) error {
	class := int(e["class_uid"].(float64))
	of, known := schemas[class]
	if !known {
		return fmt.Errorf("class %d", class)
	}
	required := strings.Fields(everywhere.required + " " + of.required)
	for _, name := range required {
		if e[name] == nil {
			return fmt.Errorf("%s is missing", name)
		}
	}
	for name := range e {
		if !slices.Contains(append(required, strings.Fields(everywhere.optional+" "+of.optional)...), name) {
			return fmt.Errorf("the class has no %s", name)
		}
	}
	activity := int(e["activity_id"].(float64))
	if activity != 99 && (activity < 1 || activity > activities[class]) {
		return fmt.Errorf("activity %d", activity)
	}
	if e["type_uid"] != float64(class*100+activity) || e["category_uid"] != float64(class/1000) {
		return fmt.Errorf("type %v in category %v", e["type_uid"], e["category_uid"])
	}
	for _, part := range []string{"user", "entity", "service", "finding_info"} {
		if o, is := e[part].(map[string]any); is && o["uid"] == nil && o["name"] == nil {
			return fmt.Errorf("%s is %v", part, o)
		}
	}
	return nil
}

// eventsOf is what a record becomes.
func eventsOf(t *testing.T, r sallyport.Record) []map[string]any {
	t.Helper()
	body, hash, err := r.Seal(7, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, e := range encoderOf(OCSF, "1.0")(itemOf(sallyport.StoredRecord{Seq: 7, Hash: hash, Body: body})) {
		var told map[string]any
		if err := json.Unmarshal(e.text, &told); err != nil {
			t.Fatal(err)
		}
		if told["metadata"].(map[string]any)["uid"] != e.id {
			t.Errorf("the event %s has another id: %s", e.id, e.text)
		}
		all = append(all, told)
	}
	return all
}

// ocsfRecord is a record of an action, by somebody.
func ocsfRecord(action string) sallyport.Record {
	return sallyport.Record{
		EventID: "0197-event", Phase: sallyport.PhaseEvent, Org: "acme", Action: action,
		Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Actor: sallyport.Actor{Type: "user", User: "ann"},
	}
}

// Whatever is recorded, done or refused, by anybody or nobody, has what its
// class requires and nothing that it does not know.
func TestEventsFitTheirClass(t *testing.T) {
	t.Parallel()
	for _, action := range append(slices.Sorted(maps.Keys(kinds)), "", "of.tomorrow") {
		done, refused := ocsfRecord(action), ocsfRecord(action)
		done.Resource, done.Actor.Key, done.Actor.Session = "thing/1", "k1", "s1"
		refused.Phase, refused.Actor, refused.Code = sallyport.PhaseRefusal, sallyport.Actor{Type: "unknown"}, sallyport.Forbidden
		refused.DLP = &sallyport.RecordDLP{Mode: "enforce", Action: "block", Counts: map[string]int{"in:IBAN": 1}}
		for _, e := range slices.Concat(eventsOf(t, done), eventsOf(t, refused)) {
			if err := fits(e); err != nil {
				t.Errorf("%s: %v: %v", action, err, e)
			}
		}
	}
}

// type_uid, and what stands where rules look for it.
func TestKindOfRecords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, action, resource, change string
		typeUID                        float64
		at, want                       string
	}{
		{"call", "chat.completions", "", "", 600301, "activity_name", "Create"},
		{"read", "audit.content", "call/1", "", 600302, "api.operation", "audit.content"},
		{"sign-in", "session.create", "session/s1", "", 300201, "user.uid", "ann"},
		{"sign-out", "session.end", "session/s1", "", 300202, "session.uid", "s1"},
		{"signed out by another", "users.sign_out", "user/bob", "", 300202, "user.uid", "bob"},
		{"user", "users.create", "user/bob", "", 300101, "user.uid", "bob"},
		{"who did it", "users.create", "user/bob", "", 300101, "actor.user.uid", "ann"},
		{"deactivated", "users.update", "user/bob", `{"state":"deactivated"}`, 300105, "user.uid", "bob"},
		{"active again", "users.update", "user/bob", `{"state":"active"}`, 300102, "user.uid", "bob"},
		{"role", "users.update", "user/bob", `{"role":"user"}`, 300199, "activity_name", "users.update"},
		{"password", "password.change", "user/ann", "", 300103, "user.uid", "ann"},
		{"key", "keys.revoke", "key/k9", "", 300404, "entity.uid", "k9"},
		{"policy", "policies.set", "policy/dlp/gpt", "", 300403, "entity.uid", "dlp/gpt"},
		{"no id", "credits.grant", "credits", "", 300403, "entity.name", "credits"},
		{"of tomorrow", "moon.land", "", "", 600399, "activity_name", "moon.land"},
	} {
		r := ocsfRecord(tt.action)
		r.Resource, r.Change = tt.resource, json.RawMessage(tt.change)
		events := eventsOf(t, r)
		if len(events) != 1 || events[0]["type_uid"] != tt.typeUID {
			t.Errorf("%s: %d events, type %v; want one of %v", tt.name, len(events), events[0]["type_uid"], tt.typeUID)
		}
		if got := at(events[0], tt.at); got != tt.want {
			t.Errorf("%s: %s is %v, want %s", tt.name, tt.at, got, tt.want)
		}
	}
	r := ocsfRecord("server.start")
	r.Actor = sallyport.Actor{Type: audit.ActorSystem}
	if e := eventsOf(t, r)[0]; at(e, "actor.user.type_id") != 3.0 {
		t.Errorf("the system is %v", e["actor"])
	}
}

// at is the value at a path.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

// A call in which DLP found something is two events: the call as every other,
// and the finding, which is one through the records of the call.
func TestFinding(t *testing.T) {
	t.Parallel()
	r := ocsfRecord("chat.completions")
	r.Phase, r.Call, r.ModelUsed, r.Provider = sallyport.PhaseIntent, "c1", "gpt", "openai"
	r.DLP = &sallyport.RecordDLP{
		Mode: "enforce", PolicyVersion: "v7", Action: "tokenize", Counts: map[string]int{"in:IBAN": 2, "in:EMAIL_ADDRESS": 1},
		Findings: []sallyport.Finding{{Type: "IBAN", Direction: "in", Field: "messages[0].content"}},
	}
	outcome, answer, refusal, observed := r, r, r, r
	outcome.Phase, outcome.Tokens = sallyport.PhaseOutcome, &sallyport.RecordTokens{Input: 5, Output: 7}
	answer.Phase = sallyport.PhaseOutcome
	answer.DLP = &sallyport.RecordDLP{Mode: "enforce", Action: "redact", Counts: map[string]int{"out:IBAN": 1}}
	refusal.Phase = sallyport.PhaseRefusal
	refusal.DLP = &sallyport.RecordDLP{Mode: "enforce", Action: "block", Counts: map[string]int{"in:IBAN": 1}}
	observed.DLP = &sallyport.RecordDLP{Mode: "observe", Counts: map[string]int{"in:IBAN": 1}}
	for _, tt := range []struct {
		name                             string
		r                                sallyport.Record
		typeUID, action, severity, total float64
		alert                            bool
		pattern                          string
	}{
		{"intent", r, 200601, 4, 2, 3, false, "EMAIL_ADDRESS, IBAN"},
		{"outcome", outcome, 200602, 4, 2, 3, false, "EMAIL_ADDRESS, IBAN"},
		{"in the answer", answer, 200601, 4, 2, 1, false, "IBAN"},
		{"refusal", refusal, 200601, 2, 3, 1, true, "IBAN"},
		{"observed", observed, 200601, 3, 2, 1, false, "IBAN"},
	} {
		events := eventsOf(t, tt.r)
		if len(events) != 2 {
			t.Errorf("%s: %d events", tt.name, len(events))
			continue
		}
		call, found := events[0], events[1]
		if call["type_uid"] != 600301.0 || at(call, "ai_model.name") != "gpt" || at(call, "metadata.uid") != "0197-event" {
			t.Errorf("%s: the call is %v", tt.name, call)
		}
		if found["type_uid"] != tt.typeUID || found["action_id"] != tt.action || found["severity_id"] != tt.severity || found["is_alert"] != tt.alert {
			t.Errorf("%s: the finding is %v", tt.name, found)
		}
		if at(found, "metadata.uid") != "0197-event/dlp" || at(found, "metadata.original_event_uid") != "0197-event" ||
			at(found, "finding_info.uid") != "c1" || at(found, "metadata.correlation_uid") != at(call, "metadata.correlation_uid") {
			t.Errorf("%s: the finding does not lead to its call: %v", tt.name, found)
		}
		if at(found, "data_security.detection_pattern") != tt.pattern || at(found, "data_security.total") != tt.total ||
			at(found, "data_security.policy.name") != "DLP" {
			t.Errorf("%s: what was found is %v", tt.name, found["data_security"])
		}
	}
	if call := eventsOf(t, outcome)[0]; at(call, "message_context.total_tokens") != 12.0 {
		t.Errorf("the tokens of a call with findings are %v", call["message_context"])
	}
}

// Both events of a record reach every receiver, in order, whatever happens on the way.
func TestFindingsAreDelivered(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{File, Webhook, Splunk, Syslog} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, 1)
			var entries []journal.Entry
			for i := range 1200 {
				r := storetest.Event("chat.completions")
				if i%3 == 0 {
					r.DLP = &sallyport.RecordDLP{Mode: "enforce", Action: "redact", Counts: map[string]int{"in:IBAN": 1}}
				}
				entries = append(entries, journal.Entry{Org: h.org, Record: r})
			}
			if _, err := h.db.CommitBatch(t.Context(), journal.BatchID(storetest.NewID()), entries); err != nil {
				t.Fatal(err)
			}
			h.read(t)
			ids := h.ids
			h.ids = nil
			for i, id := range ids {
				h.ids = append(h.ids, id)
				if i > 0 && (i-1)%3 == 0 { // the organisation is the first
					h.ids = append(h.ids, id+"/dlp")
				}
			}
			switch kind {
			case File:
				path := filepath.Join(t.TempDir(), "trail")
				h.drain(t, h.follower(t, Config{Type: File, Path: path, Format: OCSF}))
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				h.got(t, formatIDs(OCSF, string(text)))
			case Syslog:
				c := startCollector(t, nil)
				c.faults = []fault{drops, fine, drops}
				h.drain(t, h.follower(t, Config{Type: Syslog, URL: "tcp://" + c.Addr().String(), Format: OCSF}))
				c.mu.Lock()
				defer c.mu.Unlock()
				h.got(t, syslogIDs(t, c.messages))
			default:
				read := func(body string) []string { return formatIDs(OCSF, body) }
				if kind == Splunk {
					read = func(body string) (ids []string) {
						decoder := json.NewDecoder(strings.NewReader(body))
						for decoder.More() {
							var e struct{ Event json.RawMessage }
							if decoder.Decode(&e) != nil {
								return nil
							}
							ids = append(ids, formatIDs(OCSF, string(e.Event))...)
						}
						return ids
					}
				}
				s := startSIEM(t, anything, read)
				s.faults = everyFault
				h.drain(t, h.follower(t, Config{Type: kind, URL: s.URL, Secret: "hush", Format: OCSF}))
				got, _ := s.told()
				h.got(t, got)
			}
		})
	}
}

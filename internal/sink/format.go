package sink

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

// encoder writes a record as one line, without its end.
type encoder func(item Item) []byte

// vendor and product name this program to others.
const (
	vendor  = "Sallyport"
	product = "Sallyport"
)

func encoderOf(format, version string) encoder {
	switch format {
	case CEF:
		return func(item Item) []byte { return cef(item, version) }
	case OCSF:
		return func(item Item) []byte { return ocsf(item, version) }
	}
	return func(item Item) []byte { return audit.LineOf(item.StoredRecord) }
}

// cef is the record in the Common Event Format.
func cef(item Item, version string) []byte {
	r := &item.Record
	severity := 2
	if alarming(r) {
		severity = 6
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CEF:0|%s|%s|%s|%s|%s|%d|", vendor, product, cefHeader(version), cefHeader(r.Action), cefHeader(strings.TrimSpace(r.Action+" "+string(r.Phase))), severity)
	first := true
	add := func(name, value string) {
		if value == "" {
			return
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(name + "=" + cefValue(value))
	}
	if !r.Time.IsZero() {
		add("rt", strconv.FormatInt(r.Time.UnixMilli(), 10))
	}
	add("externalId", r.EventID)
	add("suser", string(r.Actor.User))
	add("src", item.Source.IP)
	add("requestClientApplication", item.Source.UserAgent)
	add("act", r.Action)
	add("outcome", or(r.Outcome, string(r.Phase)))
	add("reason", string(r.Code))
	add("request", r.Route)
	add("dvchost", r.Node)
	for i, custom := range [][2]string{
		{"organisation", string(r.Org)}, {"key", string(r.Actor.Key)}, {"model", or(r.ModelUsed, r.ModelRequested)},
		{"call", string(r.Call)}, {"dlp", dlpTypes(r)}, {"resource", r.Resource},
	} {
		if custom[1] != "" {
			add(fmt.Sprintf("cs%dLabel", i+1), custom[0])
			add(fmt.Sprintf("cs%d", i+1), custom[1])
		}
	}
	add("cn1Label", "sequence")
	add("cn1", strconv.FormatInt(item.Seq, 10))
	return []byte(b.String())
}

func cefHeader(s string) string {
	return harmless(strings.NewReplacer(`\`, `\\`, `|`, `\|`, "\r", " ", "\n", " ").Replace(s))
}

func cefValue(s string) string {
	return harmless(strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\r", `\r`, "\n", `\n`).Replace(s))
}

// harmless replaces what ends a line for some readers, moves a terminal's cursor
// or turns the direction of a text: CEF has no form for it, and a person who
// chose it wants to be misread.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// dlpTypes are the types that DLP found, in their order, each once.
func dlpTypes(r *sallyport.Record) string {
	if r.DLP == nil {
		return ""
	}
	var types []string
	seen := make(map[string]bool)
	for _, f := range r.DLP.Findings {
		if !seen[f.Type] {
			seen[f.Type] = true
			types = append(types, f.Type)
		}
	}
	return strings.Join(types, ",")
}

// The class and version of OCSF.
const (
	ocsfVersion = "1.8.0"
	ocsfClass   = 6003 // API Activity
)

type object = map[string]any

// ocsf is the record as API Activity, with the profile for calls of models. All
// of the record that has no place of its own is under unmapped.
func ocsf(item Item, version string) []byte {
	r := &item.Record
	activity := ocsfActivity(r)
	severity, status, told := 1, 0, "Unknown"
	if alarming(r) {
		severity, status, told = 3, 2, "Failure"
	} else if r.Phase == sallyport.PhaseOutcome || r.Phase == sallyport.PhaseEvent {
		status, told = 1, "Success"
	}
	metadata := object{
		"version": ocsfVersion, "uid": r.EventID, "sequence": item.Seq, "tenant_uid": string(r.Org), "event_code": r.Action,
		"product": object{"name": product, "vendor_name": vendor, "version": version},
	}
	event := object{
		"class_uid": ocsfClass, "class_name": "API Activity", "category_uid": 6, "category_name": "Application Activity",
		"activity_id": activity, "type_uid": ocsfClass*100 + activity, "severity_id": severity,
		"status_id": status, "status": told, "time": r.Time.UnixMilli(), "metadata": metadata,
		"actor": ocsfActor(r), "src_endpoint": ocsfSource(item), "unmapped": object{"record": json.RawMessage(audit.LineOf(item.StoredRecord))},
		"api": object{
			"operation": r.Action, "service": object{"name": product},
			"request":  object{"uid": or(r.RequestID, r.EventID)},
			"response": object{"code": r.Status, "error": string(r.Code)},
		},
	}
	if r.Code != "" {
		event["status_code"] = string(r.Code)
	}
	if model := or(r.ModelUsed, r.ModelRequested); model != "" {
		metadata["profiles"] = []string{"ai_operation"}
		event["ai_model"] = object{"model_name": model, "name": model, "ai_provider": or(r.Provider, "unknown")}
		if t := r.Tokens; t != nil {
			prompt := t.Input + t.CachedInput + t.CacheWrite
			event["message_context"] = object{
				"service": object{"name": product}, "uid": string(r.Call),
				"prompt_tokens": prompt, "completion_tokens": t.Output, "total_tokens": prompt + t.Output,
			}
		}
	}
	if item.Source.UserAgent != "" {
		event["http_request"] = object{"user_agent": item.Source.UserAgent}
	}
	text, err := json.Marshal(event)
	if err != nil { // the time is out of range: nothing else can be wrong here
		return audit.LineOf(item.StoredRecord)
	}
	return text
}

// ocsfActivity is 1 create, 2 read, 3 update, 4 delete, 99 other, as the method
// says or the verb of the action.
func ocsfActivity(r *sallyport.Record) int {
	method, _, _ := strings.Cut(r.Route, " ")
	switch method {
	case "POST":
		return 1
	case "GET", "HEAD":
		return 2
	case "PUT", "PATCH":
		return 3
	case "DELETE":
		return 4
	}
	switch verb := r.Action[strings.LastIndexByte(r.Action, '.')+1:]; verb {
	case "create", "import", "grant":
		return 1
	case "list", "show", "get", "read", "export":
		return 2
	case "set", "save", "update", "access":
		return 3
	case "delete", "revoke":
		return 4
	}
	return 99
}

func ocsfActor(r *sallyport.Record) object {
	if r.Actor.User == "" {
		return object{"app_name": "sallyport", "user": object{"name": or(r.Actor.Type, "unknown"), "type_id": 0}}
	}
	user := object{"uid": string(r.Actor.User), "type_id": 1}
	if r.Actor.Key != "" {
		user["credential_uid"] = string(r.Actor.Key)
	}
	return object{"user": user}
}

func ocsfSource(item Item) object {
	if item.Source.IP == "" {
		return object{"name": or(item.Record.Node, "unknown")}
	}
	return object{"ip": item.Source.IP}
}

package sink

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// foundTypes are the types that DLP found, and how often. The counts of a record
// are complete, its findings need not be.
func foundTypes(r *sallyport.Record) map[string]int {
	found := make(map[string]int)
	if r.DLP == nil {
		return found
	}
	for at, n := range r.DLP.Counts {
		_, name, _ := strings.Cut(at, ":") // behind the direction
		found[name] += n
	}
	return found
}

// finding is what DLP found in a call, and never a value of it: types and counts.
// The finding of a call is one, which its later records bring up to date.
func finding(item Item, version string, of kind, id string, found map[string]int) object {
	r := &item.Record
	created := kind{dataFinding, code{1, "Create"}}
	if foundBefore(r) {
		created.activity = code{2, "Update"}
	}
	types := slices.Sorted(maps.Keys(found))
	pattern := strings.Join(types, ", ")
	details, total := make([]object, 0, len(types)), 0
	for _, t := range types {
		details = append(details, object{"type": t, "count": found[t]})
		total += found[t]
	}
	policy := object{"name": "DLP", "is_applied": r.DLP.Mode != "observe"}
	if r.DLP.PolicyVersion != "" {
		policy["version"] = r.DLP.PolicyVersion
	}
	e := envelope(item, version, created, id)
	e["severity_id"], e["status_id"], e["status"] = 2, 1, "New"
	e["finding_info"] = object{
		"uid": or(string(r.Call), r.EventID), "title": "DLP found " + pattern, "types": types,
		"related_events": []object{{"uid": r.EventID, "type_uid": of.typeUID()}},
	}
	// The schema's categories are not those of our types: it is another one.
	e["data_security"] = object{
		"category_id": 99, "category": pattern, "detection_pattern": pattern, "policy": policy,
		"detection_system_id": 2, "detection_system": "DLP Gateway",
		"data_lifecycle_state_id": 2, "data_lifecycle_state": "Data in-Transit",
		"discovery_details": details, "total": total,
	}
	addControl(e, r.DLP)
	e["unmapped"] = object{"call_id": string(r.Call), "run_id": string(r.Run), "dlp": r.DLP}
	return e
}

// foundBefore says whether the intent of the call has told of the finding
// already: it has what is in the request.
func foundBefore(r *sallyport.Record) bool {
	if r.Phase != sallyport.PhaseOutcome && r.Phase != sallyport.PhaseLate {
		return false
	}
	for at := range r.DLP.Counts {
		if strings.HasPrefix(at, "in:") {
			return true
		}
	}
	return false
}

// addControl adds what DLP did about it, by the profile for what protects.
func addControl(e object, d *sallyport.RecordDLP) {
	profile(e, "security_control")
	e["is_alert"] = false
	done, disposition := code{3, "Observed"}, code{15, "Detected"}
	switch d.Action {
	case "tokenize", "redact":
		done, disposition = code{4, "Modified"}, code{11, "Corrected"}
	case "block":
		done, disposition = code{2, "Denied"}, code{2, "Blocked"}
		e["severity_id"], e["is_alert"] = 3, true
	}
	e["action_id"], e["action"] = done.id, done.name
	e["disposition_id"], e["disposition"] = disposition.id, disposition.name
}

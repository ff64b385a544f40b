package sink

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

// event is a line without its end, under the id by which receivers fold repeats.
type event struct {
	id   string
	text []byte
}

// encoder writes a record as what a format has for it: one event, and in OCSF one
// more for what DLP found. They travel in one batch, and a record is delivered or
// refused with all of them.
type encoder func(item Item) []event

// vendor and product name this program to others.
const (
	vendor  = "Sallyport"
	product = "Sallyport"
)

func encoderOf(format, version string) encoder {
	switch format {
	case CEF:
		return func(item Item) []event { return alone(item, cef(item, version)) }
	case OCSF:
		return func(item Item) []event { return ocsf(item, version) }
	}
	return func(item Item) []event { return alone(item, audit.LineOf(item.StoredRecord)) }
}

func alone(item Item, text []byte) []event {
	return []event{{item.Record.EventID, text}}
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

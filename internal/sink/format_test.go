package sink

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sallyport-ai/sallyport"
)

// hostile are texts that somebody chose so that one record looks like two, or
// like another. Where a format has no form for a character, harmless stands for it.
var hostile = map[string]string{
	"newline":         "a\nCEF:0|Sallyport|Sallyport|1|key.create|key.create|2|act=forged",
	"carriage return": "a\r\n{\"forged\":true}",
	"CEF":             `a|b\|c\\|d=e \=f src=6.6.6.6 externalId=forged`,
	"JSON":            `","forged":"x\`,
	"syslog":          `"] forged="1" [x@1 y="z`,
	"ANSI":            "\x1b[2J\x1b]0;owned\x07",
	"bidi":            "user\u202egnp.exe\u2066x\u2069",
	"separators":      "a\u2028b\u2029c\u0085d\x0be\x0cf",
	"NUL":             "a\x00b",
	"formula":         "=cmd|' /C calc'!A0",
	"tags":            "<script>alert(1)</script>",
	"long":            strings.Repeat("A", 1<<20),
}

// written is a record with the text in every place that is not the program's own.
func written(t *testing.T, text string) Item {
	t.Helper()
	r := sallyport.Record{
		EventID: "0197-event", Phase: sallyport.PhaseEvent, Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Org: "acme",
		Action: "key.create", Resource: "key/" + text, ModelRequested: text, Provider: text,
		Actor: sallyport.Actor{Type: "user", User: "u1"}, Node: text,
	}
	body, hash, err := r.Seal(7, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	return itemOf(sallyport.StoredRecord{
		Seq: 7, Hash: hash, Body: body, Source: sallyport.Source{IP: "192.0.2.7", UserAgent: text},
	})
}

// readCEF reads an event by the format's own rules: seven header fields, then
// pairs whose values end where another name begins.
func readCEF(t *testing.T, line string) (header []string, fields map[string]string) {
	t.Helper()
	rest, field := line, ""
	for len(header) < 7 {
		cut := strings.IndexAny(rest, `\|`)
		if cut < 0 || cut+1 == len(rest) {
			t.Fatalf("no header: %.200q", line)
		}
		field += rest[:cut]
		if rest[cut] == '\\' {
			field += rest[cut+1 : cut+2]
			rest = rest[cut+2:]
			continue
		}
		header, field, rest = append(header, field), "", rest[cut+1:]
	}
	fields = make(map[string]string)
	names := regexp.MustCompile(`(?:^| )([A-Za-z0-9]+)=`).FindAllStringSubmatchIndex(rest, -1)
	for i, at := range names {
		end := len(rest)
		if i+1 < len(names) {
			end = names[i+1][0]
		}
		value := strings.NewReplacer(`\\`, `\`, `\=`, `=`, `\n`, "\n", `\r`, "\r").Replace(rest[at[1]:end])
		fields[rest[at[2]:at[3]]] = value
	}
	return header, fields
}

// Whatever somebody writes where a text is theirs, an event is one line that
// reads back as it was written.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := written(t, text)
			for _, format := range []string{JSON, CEF, OCSF} {
				line := string(encoderOf(format, "1.0")(item)[0].text)
				if strings.ContainsFunc(line, steers) || format == CEF && strings.ContainsFunc(line, unicode.IsControl) {
					t.Errorf("%s: an event is more than one line, or moves a cursor: %.300q", format, line)
				}
				switch format {
				case JSON:
					var r sallyport.Record
					if err := json.Unmarshal([]byte(line), &r); err != nil || r.ModelRequested != text || r.Resource != "key/"+text {
						t.Errorf("JSON reads back as %.300q %v", r.ModelRequested, err)
					}
				case OCSF:
					var e struct {
						HTTPRequest struct {
							UserAgent string `json:"user_agent"`
						} `json:"http_request"`
						Metadata struct{ UID string }
						Unmapped struct{ Record sallyport.Record }
					}
					if err := json.Unmarshal([]byte(line), &e); err != nil || e.HTTPRequest.UserAgent != text || e.Unmapped.Record.Resource != "key/"+text || e.Metadata.UID != "0197-event" {
						t.Errorf("OCSF reads back as %.300q %v", e.HTTPRequest.UserAgent, err)
					}
				case CEF:
					header, fields := readCEF(t, line)
					clean := strings.NewReplacer("\r", "\x00r", "\n", "\x00n").Replace(text)
					clean = strings.NewReplacer("\uFFFDr", "\r", "\uFFFDn", "\n").Replace(harmless(clean))
					if header[0] != "CEF:0" || header[4] != "key.create" || fields["externalId"] != "0197-event" || fields["src"] != "192.0.2.7" || fields["act"] != "key.create" {
						t.Errorf("CEF reads back as %q %.300q", header, fields)
					}
					if fields["requestClientApplication"] != clean || fields["cs3"] != clean || fields["cs6"] != "key/"+clean {
						t.Errorf("CEF reads back as %.300q, want %.300q", fields["requestClientApplication"], clean)
					}
				}
			}
			message := string(syslogMessage(item, encoderOf(JSON, "1.0")(item)[0]))
			if len(message) > messageMax || strings.ContainsFunc(message, steers) {
				t.Errorf("syslog: %d bytes, %.300q", len(message), message)
			}
			if want := ` [sallyport@32473 org="acme" seq="7" event_id="0197-event"`; strings.Count(message, want) != 1 || !strings.HasPrefix(message, "<109>1 2026-03-01T12:00:00.000000Z ") {
				t.Errorf("syslog: %.300q", message)
			}
		})
	}
}

// steers is what JSON escapes: the characters below the blank, among them line
// ends and what begins a terminal's commands.
func steers(r rune) bool { return r < ' ' }

// An id that nobody should be able to choose is escaped all the same.
func TestStructuredData(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`a"b\c]d`: `a\"b\\c\]d`, "a\nb": "a\uFFFDb", "a\xffb": "a\uFFFDb", "plain-1": "plain-1",
	} {
		if got := parameter(text); got != want {
			t.Errorf("%q: got %s", text, fmt.Sprintf("%q, want %q", got, want))
		}
	}
}

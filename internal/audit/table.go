package audit

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// Pages reads all records that pass a filter, newest first, with one call of
// find for each f.Limit of them. Records that are added meanwhile do not move
// the pages.
func Pages(f sallyport.RecordFilter, find func(sallyport.RecordFilter) ([]sallyport.StoredRecord, error)) iter.Seq2[sallyport.StoredRecord, error] {
	return func(yield func(sallyport.StoredRecord, error) bool) {
		for f := f; ; {
			page, err := find(f)
			if err != nil {
				yield(sallyport.StoredRecord{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				f.Before = r.Seq
			}
			if len(page) < f.Limit {
				return
			}
		}
	}
}

// WriteJSONL writes each record's stored bytes as one line. One that is damaged
// is a line that says so.
func WriteJSONL(w io.Writer, records iter.Seq2[sallyport.StoredRecord, error]) (lines int64, err error) {
	for r, err := range records {
		if err != nil {
			return lines, err
		}
		if _, err := w.Write(append(LineOf(r), '\n')); err != nil {
			return lines, err
		}
		lines++
	}
	return lines, nil
}

// LineOf is a record as one line of JSON, without its end: the stored bytes as
// they are, or when they are damaged an object that has their base64.
func LineOf(r sallyport.StoredRecord) []byte {
	if oneLine(r.Body) {
		return slices.Clone(r.Body)
	}
	return fmt.Appendf(nil, `{"org_seq":%d,"damaged":"%s"}`, r.Seq, base64.StdEncoding.EncodeToString(r.Body))
}

// column is one column of the table.
type column struct {
	name string
	cell func(r *sallyport.Record, s *sallyport.StoredRecord) string
}

// columns of the table, in their order. New ones are added at the end.
var columns = []column{
	{"seq", func(_ *sallyport.Record, s *sallyport.StoredRecord) string { return strconv.FormatInt(s.Seq, 10) }},
	{"time", func(r *sallyport.Record, _ *sallyport.StoredRecord) string {
		if r.Time.IsZero() {
			return ""
		}
		return r.Time.UTC().Format(time.RFC3339Nano)
	}},
	{"event_id", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.EventID }},
	{"phase", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return string(r.Phase) }},
	{"action", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.Action }},
	{"route", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.Route }},
	{"outcome", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.Outcome }},
	{"status", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return number(int64(r.Status)) }},
	{"error_code", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return string(r.Code) }},
	{"actor_type", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.Actor.Type }},
	{"user_id", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return string(r.Actor.User) }},
	{"key_id", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return string(r.Actor.Key) }},
	{"key_prefix", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.Actor.KeyPrefix }},
	{"role", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return string(r.Actor.Role) }},
	{"model_requested", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.ModelRequested }},
	{"model_used", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.ModelUsed }},
	{"provider", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.Provider }},
	{"call_id", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return string(r.Call) }},
	{"request_id", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.RequestID }},
	{"run_id", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return string(r.Run) }},
	{"resource", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.Resource }},
	{"input_tokens", tokensOf(func(t *sallyport.RecordTokens) int64 { return t.Input })},
	{"output_tokens", tokensOf(func(t *sallyport.RecordTokens) int64 { return t.Output })},
	{"charge_micros", func(r *sallyport.Record, _ *sallyport.StoredRecord) string {
		if r.Cost == nil {
			return ""
		}
		return number(int64(r.Cost.Charge))
	}},
	{"latency_ms", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return number(r.LatencyMS) }},
	{"dlp_action", func(r *sallyport.Record, _ *sallyport.StoredRecord) string {
		if r.DLP == nil {
			return ""
		}
		return r.DLP.Action
	}},
	{"dlp_counts", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return counts(r.DLP) }},
	{"source_ip", func(_ *sallyport.Record, s *sallyport.StoredRecord) string { return s.Source.IP }},
	{"node", func(r *sallyport.Record, _ *sallyport.StoredRecord) string { return r.Node }},
	{"source_agent", func(_ *sallyport.Record, s *sallyport.StoredRecord) string { return s.Source.UserAgent }},
	{"cached_input_tokens", tokensOf(func(t *sallyport.RecordTokens) int64 { return t.CachedInput })},
	{"cache_write_tokens", tokensOf(func(t *sallyport.RecordTokens) int64 { return t.CacheWrite })},
	{"reasoning_tokens", tokensOf(func(t *sallyport.RecordTokens) int64 { return t.Reasoning })},
}

func tokensOf(kind func(t *sallyport.RecordTokens) int64) func(*sallyport.Record, *sallyport.StoredRecord) string {
	return func(r *sallyport.Record, _ *sallyport.StoredRecord) string {
		if r.Tokens == nil {
			return ""
		}
		return number(kind(r.Tokens))
	}
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// counts tells what DLP found: "in:EMAIL_ADDRESS=2 out:IBAN=1".
func counts(d *sallyport.RecordDLP) string {
	if d == nil {
		return ""
	}
	var told []string
	for _, kind := range slices.Sorted(maps.Keys(d.Counts)) {
		told = append(told, fmt.Sprintf("%s=%d", kind, d.Counts[kind]))
	}
	return strings.Join(told, " ")
}

// WriteCSV writes records as a table with a header. Spreadsheets take a cell
// that begins with = + - @ for a formula, and clients choose some of the texts;
// see PlainCell. A damaged record has its number only.
func WriteCSV(w io.Writer, records iter.Seq2[sallyport.StoredRecord, error]) (lines int64, err error) {
	out := csv.NewWriter(w)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.name
	}
	if err := out.Write(row); err != nil {
		return 0, err
	}
	for stored, err := range records {
		if err != nil {
			out.Flush()
			return lines, err
		}
		var r sallyport.Record
		if json.Unmarshal(stored.Body, &r) != nil {
			r = sallyport.Record{}
		}
		for i, c := range columns {
			row[i] = PlainCell(c.cell(&r, &stored))
		}
		if err := out.Write(row); err != nil {
			return lines, err
		}
		lines++
	}
	out.Flush()
	return lines, out.Error()
}

// PlainCell makes a text that no spreadsheet runs. Numbers stay numbers, also
// those with a sign.
func PlainCell(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}

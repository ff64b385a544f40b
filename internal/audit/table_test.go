package audit

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

func TestCSV(t *testing.T) {
	var records []sallyport.StoredRecord
	for i, model := range []string{"=cmd|' /C calc'!A0", "+1+2", "-1", "@SUM(A1)", "\t=1", "\r=1", "gpt,\"4o\"\nx", "plain=1"} {
		r := sallyport.Record{
			EventID: "e", Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), ModelRequested: model,
			Tokens: &sallyport.RecordTokens{Input: 12, CachedInput: 7, CacheWrite: 8, Reasoning: 9}, Cost: &sallyport.RecordCost{Charge: 34},
			DLP: &sallyport.RecordDLP{Counts: map[string]int{"in:IBAN": 1, "in:EMAIL_ADDRESS": 2}},
		}
		body, hash, err := r.Seal(int64(i+1), sallyport.Hash{})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, sallyport.StoredRecord{Seq: int64(i + 1), Hash: hash, Body: body, Source: sallyport.Source{IP: "192.0.2.7", UserAgent: "=1+1"}})
	}
	records = append(records, sallyport.StoredRecord{Seq: 9, Body: []byte("torn")})
	var out bytes.Buffer
	if lines, err := WriteCSV(&out, source(records)); err != nil || lines != 9 {
		t.Fatalf("%d lines, %v", lines, err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 10 {
		t.Fatalf("%d rows, %v, want a header and 9", len(rows), err)
	}
	at := func(row int, name string) string { return rows[row][slices.Index(rows[0], name)] }
	// A reader of CSV takes \r\n and \r in quotes as they are, but for \r before \n.
	for i, want := range []string{"'=cmd|' /C calc'!A0", "'+1+2", "-1", "'@SUM(A1)", "'\t=1", "'\r=1", "gpt,\"4o\"\nx", "plain=1", ""} {
		if got := at(i+1, "model_requested"); got != want {
			t.Errorf("model is %q, want %q", got, want)
		}
	}
	for name, want := range map[string]string{
		"seq": "1", "time": "2026-03-01T12:00:00Z", "input_tokens": "12", "charge_micros": "34",
		"dlp_counts": "in:EMAIL_ADDRESS=2 in:IBAN=1", "source_ip": "192.0.2.7", "source_agent": "'=1+1", "status": "",
		"cached_input_tokens": "7", "cache_write_tokens": "8", "reasoning_tokens": "9",
	} {
		if got := at(1, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if at(9, "seq") != "9" || at(9, "time") != "" {
		t.Errorf("a damaged record is %q", rows[9])
	}
}

func TestPlainCell(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "a=1": "a=1", "-1.5": "-1.5", "+1": "+1", "-1+2": "'-1+2", "-": "'-",
		"=1": "'=1", "@1": "'@1", "\t1": "'\t1", "\r1": "'\r1", "\n=1": "'\n=1",
	} {
		if got := PlainCell(cell); got != want {
			t.Errorf("%q is %q, want %q", cell, got, want)
		}
	}
}

func TestJSONL(t *testing.T) {
	records := append(chain(t, 1), sallyport.StoredRecord{Seq: 2, Body: []byte("torn\n")})
	var out bytes.Buffer
	if lines, err := WriteJSONL(&out, source(records)); err != nil || lines != 2 {
		t.Fatalf("%d lines, %v", lines, err)
	}
	if want := string(records[0].Body) + "\n" + `{"org_seq":2,"damaged":"dG9ybgo="}` + "\n"; out.String() != want {
		t.Errorf("got  %s\nwant %s", &out, want)
	}
}

func TestPages(t *testing.T) {
	all := chain(t, 7)
	slices.Reverse(all)
	find := func(f sallyport.RecordFilter) (page []sallyport.StoredRecord, err error) {
		for _, r := range all {
			if (f.Before == 0 || r.Seq < f.Before) && len(page) < f.Limit {
				page = append(page, r)
			}
		}
		return page, nil
	}
	for _, limit := range []int{1, 3, 7, 100} {
		var got []int64
		for r, err := range Pages(sallyport.RecordFilter{Limit: limit, Before: 7}, find) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Seq)
		}
		if want := []int64{6, 5, 4, 3, 2, 1}; !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", limit, got, want)
		}
	}
	broken := errors.New("broken")
	for _, err := range Pages(sallyport.RecordFilter{Limit: 1}, func(sallyport.RecordFilter) ([]sallyport.StoredRecord, error) { return nil, broken }) {
		if !errors.Is(err, broken) {
			t.Errorf("error is %v", err)
		}
	}
}

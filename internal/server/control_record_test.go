package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// recordPage is what a search answers.
type recordPage struct {
	Records []struct {
		Seq    int64
		Record sallyport.Record
	}
	Names                   map[string]struct{ Name, Detail string }
	Before, After, Searched int64
}

func (p recordPage) seqs() (seqs []int64) {
	for _, r := range p.Records {
		seqs = append(seqs, r.Seq)
	}
	return seqs
}

// as reads an answer that must be 200.
func as[T any](t *testing.T, a servertest.Answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	return v
}

func askAdmin(t *testing.T, h *servertest.House, path string) servertest.Answer {
	t.Helper()
	return h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/audit/"+path, "")
}

// Each filter finds the record that was made for it, by names that are told beside.
func TestRecordFilters(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	began := h.Clock.Now()
	h.Clock.Advance(time.Minute)
	mark := h.Mark(t, h.Home.ID)
	chat := h.Chat(t, h.Home.User.Key, chatBody(false, "write to ann@example.com", ""))
	group := newGroup(t, h, "Red", h.Home.User)
	h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, "nothing", 1))
	run := ownRun(t, h, h.Home.Creator, true)
	ownRun(t, h, h.Home.Creator, false)
	records := h.Records(t, h.Home.ID, mark)
	intent := records[0]
	for filter, want := range map[string]func(r sallyport.Record) bool{
		"actor=" + string(h.Home.User.ID):                       func(r sallyport.Record) bool { return r.Actor.User == h.Home.User.ID },
		"key=" + string(h.Home.User.KeyID):                      func(r sallyport.Record) bool { return r.Actor.Key == h.Home.User.KeyID },
		"model=" + servertest.Model:                             func(r sallyport.Record) bool { return r.ModelRequested == servertest.Model },
		"route=" + url.QueryEscape("POST /v1/chat/completions"): func(r sallyport.Record) bool { return r.Action == "chat.completions" },
		"action=groups.create":                                  func(r sallyport.Record) bool { return r.Action == "groups.create" },
		"outcome=success&phase=outcome":                         func(r sallyport.Record) bool { return r.Phase == sallyport.PhaseOutcome },
		"phase=refusal":                                         func(r sallyport.Record) bool { return r.Code == sallyport.ModelNotFound },
		"code=model_not_found":                                  func(r sallyport.Record) bool { return r.Code == sallyport.ModelNotFound },
		"finding=EMAIL_ADDRESS":                                 func(r sallyport.Record) bool { return r.Call == intent.Call },
		"request=" + chat.RequestID:                             func(r sallyport.Record) bool { return r.RequestID == chat.RequestID },
		"call=" + string(intent.Call):                           func(r sallyport.Record) bool { return r.Call == intent.Call },
		"event=" + intent.EventID:                               func(r sallyport.Record) bool { return r.EventID == intent.EventID },
		"resource=group/" + group:                               func(r sallyport.Record) bool { return r.Resource == "group/"+group },
		"run=" + run:                                            func(r sallyport.Record) bool { return r.Resource == "run/"+run },
		"address=127.0.0.1&phase=intent":                        func(r sallyport.Record) bool { return r.Phase == sallyport.PhaseIntent },
		"since=" + url.QueryEscape(began.Add(time.Second).Format(time.RFC3339)): func(r sallyport.Record) bool { return true },
	} {
		page := as[recordPage](t, askAdmin(t, h, fmt.Sprintf("records?after=%d&%s", mark, filter)))
		var seqs []int64
		for _, r := range slices.Backward(records) {
			if want(r) {
				seqs = append(seqs, r.Seq)
			}
		}
		got := slices.DeleteFunc(page.seqs(), func(seq int64) bool { return seq > records[len(records)-1].Seq }) // of other filters
		if len(seqs) == 0 || !slices.Equal(got, seqs) {
			t.Errorf("%s: found %v, want %v", filter, got, seqs)
		}
		for _, r := range page.Records {
			if r.Record.Actor.Key == "" {
				continue // the test made the agent itself
			}
			user := page.Names["user/"+string(r.Record.Actor.User)]
			if !strings.Contains(user.Detail, "@") || page.Names["key/"+string(r.Record.Actor.Key)].Name == "" {
				t.Errorf("%s: the names are %v", filter, page.Names)
			}
		}
	}
	for _, bad := range []string{"phase=none", "limit=501", "before=-1", "since=yesterday"} {
		if a := askAdmin(t, h, "records?"+bad); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", bad, a.Status, a.Body)
		}
	}
}

// Pages lead from the newest record to the oldest and back, past each one once,
// although more are written meanwhile.
func TestRecordCursors(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for range 25 {
		h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/models", "")
	}
	const query = "records?limit=7&action=models.list"
	var down, up []int64
	last := as[recordPage](t, askAdmin(t, h, query))
	for down = last.seqs(); last.Before > 0; down = append(down, last.seqs()...) {
		h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/models/mock-large", "")
		last = as[recordPage](t, askAdmin(t, h, fmt.Sprintf("%s&before=%d", query, last.Before)))
	}
	last = as[recordPage](t, askAdmin(t, h, query+"&rising=true"))
	if last.Before != 0 {
		t.Errorf("before the oldest record are others: %+v", last)
	}
	for up = last.seqs(); len(last.Records) == 7; up = append(last.seqs(), up...) {
		last = as[recordPage](t, askAdmin(t, h, fmt.Sprintf("%s&rising=true&after=%d", query, last.After)))
	}
	if len(down) != 25 || !slices.Equal(down, up) {
		t.Errorf("downwards %v, upwards %v; want the same 25", down, up)
	}
}

// One record comes with its bytes, the names in it and what belongs to it; and
// with a proof that needs nothing of ours.
func TestOneRecord(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	mark := h.Mark(t, h.Home.ID)
	h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
	group := newGroup(t, h, "Red", h.Home.User)
	for _, name := range []string{"Green", "Blue"} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/groups/"+group, `{"name":"`+name+`"}`); a.Status != http.StatusNoContent {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	type one struct {
		Seq          int64
		Prev         string `json:"prev_hash"`
		Hash, Bytes  string
		Intact       bool
		Record       sallyport.Record
		Source       *struct{ Address string }
		Names        map[string]struct{ Name, Detail string }
		Older, Newer int64
		Linked       []struct {
			Relation, Action string
			Seq              int64
			Change           json.RawMessage
		}
	}
	r := as[one](t, askAdmin(t, h, fmt.Sprintf("records/%d", mark+1)))
	prev, _ := hex.DecodeString(r.Prev)
	bytes, _ := base64.StdEncoding.DecodeString(r.Bytes)
	if sum := sha256.Sum256(append(prev, bytes...)); hex.EncodeToString(sum[:]) != r.Hash || !r.Intact || r.Seq != mark+1 || r.Older != mark || r.Newer != mark+2 {
		t.Errorf("the record is %+v", r)
	}
	if r.Source == nil || r.Source.Address != "127.0.0.1" || r.Record.Phase != sallyport.PhaseIntent {
		t.Errorf("the record is %+v", r)
	}
	if len(r.Linked) != 1 || r.Linked[0].Relation != "call" || r.Linked[0].Seq != mark+2 {
		t.Errorf("linked are %+v, want the outcome", r.Linked)
	}
	renamed := as[recordPage](t, askAdmin(t, h, "records?action=groups.rename")).Records[0]
	r = as[one](t, askAdmin(t, h, "records/"+renamed.Record.EventID))
	if r.Names["group/"+group].Name != "Blue" || len(r.Linked) == 0 || !strings.Contains(string(r.Linked[0].Change), "Green") {
		t.Errorf("the renaming is %+v", r)
	}

	answer := askAdmin(t, h, fmt.Sprintf("records/%d/proof", mark+1))
	var proof audit.Proof
	if err := json.Unmarshal([]byte(answer.Body), &proof); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("%d %s: %v", answer.Status, answer.Body, err)
	}
	if err := audit.CheckProof(proof, proof.Key); err != nil || proof.Seq != mark+1 {
		t.Errorf("the proof of record %d: %v", proof.Seq, err)
	}
	for _, none := range []string{"0", "-1", "1000000", "none", "9223372036854775807", "9223372036854775808"} {
		for _, path := range []string{"records/" + none, "records/" + none + "/proof"} {
			if a := askAdmin(t, h, path); a.Status != http.StatusNotFound {
				t.Errorf("%s: %d %s", path, a.Status, a.Body)
			}
		}
	}
}

// The histogram counts what the search finds.
func TestRecordHistogram(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	since := h.Clock.Now()
	for range 3 {
		h.Clock.Advance(time.Minute)
		h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/models", "")
	}
	v := as[struct {
		Bars      []int64
		Total     int64
		Estimated bool
	}](t, askAdmin(t, h, "records/histogram?bars=4&action=models.list&since="+url.QueryEscape(since.Format(time.RFC3339))+
		"&until="+url.QueryEscape(since.Add(4*time.Minute).Format(time.RFC3339))))
	if !slices.Equal(v.Bars, []int64{0, 1, 1, 1}) || v.Total != 3 || v.Estimated {
		t.Errorf("got %+v", v)
	}
}

// Who exported what is in the trail, and nothing that is no name.
func TestExportTellsItsFilter(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	mark := h.Mark(t, h.Home.ID)
	askAdmin(t, h, "records/export?format=jsonl&action=models.list&address=192.0.2.7&model="+url.QueryEscape("my password is hunter2"))
	records := h.Records(t, h.Home.ID, mark)
	if len(records) != 1 || string(records[0].Change) != `{"filter":{"action":"models.list","address":true,"model":"(not a name)"},"format":"jsonl"}` {
		t.Errorf("the records are %+v %s", records, records[0].Change)
	}
}

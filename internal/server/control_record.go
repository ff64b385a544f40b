package server

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

// Prover proves that a record is in its trail; *audit.Checkpointer is the real one.
type Prover interface {
	// Prove gives no proof of a record that was changed.
	Prove(ctx context.Context, org sallyport.OrgID, r sallyport.StoredRecord) (audit.Proof, error)
}

type recordPath struct {
	Record string `path:"record" doc:"A record's number, or the id of its event"`
}

// oneRecord is a record and all that helps to read it.
type oneRecord struct {
	Seq    int64               `json:"seq"`
	Prev   string              `json:"prev_hash"`
	Hash   string              `json:"hash"`
	Intact bool                `json:"intact" doc:"The hash is that of the hash before and the bytes"`
	Bytes  string              `json:"bytes" doc:"The stored bytes, in base64"`
	Record json.RawMessage     `json:"record" doc:"The same as an object"`
	Source *sourceView         `json:"source,omitempty" doc:"Where the call came from; absent when that was erased, or was never there"`
	Names  map[string]nameView `json:"names" doc:"As in a page of records, of the linked ones too"`
	Linked []linkedRecord      `json:"linked" doc:"Records of the same call, the same request and the same thing"`
	Older  int64               `json:"older,omitempty" doc:"Number of the record before"`
	Newer  int64               `json:"newer,omitempty" doc:"Number of the record after; absent when it was the last"`
}

type sourceView struct {
	Address   string `json:"address"`
	UserAgent string `json:"user_agent"`
}

// linkedRecord is another record, in a line.
type linkedRecord struct {
	Relation string          `json:"relation" enum:"call,request,resource"`
	Seq      int64           `json:"seq"`
	Time     time.Time       `json:"time"`
	Phase    sallyport.Phase `json:"phase"`
	Action   string          `json:"action"`
	Outcome  string          `json:"outcome,omitempty"`
	Status   int             `json:"status,omitempty"`
	Code     sallyport.Code  `json:"error_code,omitempty"`
	Actor    sallyport.Actor `json:"actor"`
	Change   json.RawMessage `json:"change,omitempty" doc:"Of records of the same thing: what had been changed"`
}

type proofView struct {
	Seq        int64           `json:"seq"`
	Prev       string          `json:"prev_hash"`
	Hash       string          `json:"hash" doc:"SHA-256 of prev_hash and the record's bytes"`
	Record     json.RawMessage `json:"record"`
	Path       []string        `json:"path" doc:"RFC 6962 audit path from the record to the checkpoint's root, base64"`
	Checkpoint string          `json:"checkpoint" doc:"Signed note"`
	Key        string          `json:"key" doc:"Public, of the checkpoint's signature"`
}

// linkedMax bounds the linked records of each kind.
const linkedMax = 20

// controlRecord reads one record of the trail and proves it.
func (s *Server) controlRecord(api huma.API) {
	huma.Register(api, operation("getRecord", "audit.get", http.MethodGet, "/audit/records/{record}", "Read one record, with those that belong to it"),
		func(ctx context.Context, in *recordPath) (*body[oneRecord], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (oneRecord, error) { return s.oneRecord(ctx, p.Org, in.Record) }))
		})
	huma.Register(api, operation("proveRecord", "audit.prove", http.MethodGet, "/audit/records/{record}/proof", "Prove that a record is in the trail, by a signed checkpoint"),
		func(ctx context.Context, in *recordPath) (*body[proofView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (proofView, error) { return s.proof(ctx, p.Org, in.Record) }))
		})
}

// findRecord finds a record by its number or the id of its event.
func (s *Server) findRecord(ctx context.Context, org sallyport.OrgID, name string) (sallyport.StoredRecord, error) {
	var found []sallyport.StoredRecord
	seq, err := strconv.ParseInt(name, 10, 64)
	byNumber := err == nil
	if byNumber {
		found, err = s.parts.Control.Records(ctx, org, max(seq, 1)-1, 1)
	} else {
		found, err = s.parts.Control.FindRecords(ctx, org, sallyport.RecordFilter{Event: name, Limit: 1})
	}
	if err == nil && (len(found) == 0 || byNumber && found[0].Seq != seq) {
		err = sallyport.NewError(sallyport.NotFound, "there is no such record; retention may have removed it")
	}
	if err != nil {
		return sallyport.StoredRecord{}, err
	}
	return found[0], nil
}

func (s *Server) oneRecord(ctx context.Context, org sallyport.OrgID, name string) (oneRecord, error) {
	r, err := s.findRecord(ctx, org, name)
	if err != nil {
		return oneRecord{}, err
	}
	v := oneRecord{
		Seq: r.Seq, Prev: hex.EncodeToString(r.Prev[:]), Hash: hex.EncodeToString(r.Hash[:]),
		Intact: sallyport.ChainHash(r.Prev, r.Body) == r.Hash,
		Bytes:  base64.StdEncoding.EncodeToString(r.Body), Record: audit.LineOf(r),
	}
	if r.Source != (sallyport.Source{}) {
		v.Source = &sourceView{r.Source.IP, r.Source.UserAgent}
	}
	linked, err := s.linked(ctx, org, r, &v)
	if err != nil {
		return oneRecord{}, err
	}
	if v.Names, err = s.names(ctx, org, append(linked, r)...); err != nil {
		return oneRecord{}, err
	}
	v.Older, v.Newer, err = s.beside(ctx, org, r.Seq)
	return v, err
}

// linked finds the records that belong to one, each once, by its closest relation.
func (s *Server) linked(ctx context.Context, org sallyport.OrgID, of sallyport.StoredRecord, into *oneRecord) (all []sallyport.StoredRecord, err error) {
	into.Linked = []linkedRecord{}
	var r sallyport.Record
	if json.Unmarshal(of.Body, &r) != nil {
		return nil, nil
	}
	seen := map[int64]bool{of.Seq: true}
	for _, by := range []struct {
		relation string
		wanted   bool
		filter   sallyport.RecordFilter
	}{
		{"call", r.Call != "", sallyport.RecordFilter{Call: r.Call}},
		{"request", r.RequestID != "", sallyport.RecordFilter{Request: r.RequestID}},
		{"resource", r.Resource != "", sallyport.RecordFilter{Resource: r.Resource, After: of.Seq, Rising: true}},
		{"resource", r.Resource != "", sallyport.RecordFilter{Resource: r.Resource, Before: of.Seq}},
	} {
		if !by.wanted {
			continue
		}
		by.filter.Limit = linkedMax
		found, err := s.parts.Control.SearchRecords(ctx, org, by.filter)
		if err != nil {
			return nil, err
		}
		for _, one := range found.Records {
			if !seen[one.Seq] {
				seen[one.Seq] = true
				all = append(all, one)
				into.Linked = append(into.Linked, viewLinked(by.relation, one))
			}
		}
	}
	return all, nil
}

func viewLinked(relation string, stored sallyport.StoredRecord) linkedRecord {
	var r sallyport.Record
	_ = json.Unmarshal(stored.Body, &r) // one that is damaged has its number only
	v := linkedRecord{
		Relation: relation, Seq: stored.Seq, Time: r.Time, Phase: r.Phase, Action: r.Action,
		Outcome: r.Outcome, Status: r.Status, Code: r.Code, Actor: r.Actor,
	}
	if relation == "resource" {
		v.Change = r.Change
	}
	return v
}

// beside finds the numbers of the records before and after one.
func (s *Server) beside(ctx context.Context, org sallyport.OrgID, seq int64) (older, newer int64, err error) {
	around, err := s.parts.Control.Records(ctx, org, max(seq-2, 0), 3)
	for _, r := range around {
		switch {
		case r.Seq < seq:
			older = r.Seq
		case r.Seq > seq && newer == 0:
			newer = r.Seq
		}
	}
	return older, newer, err
}

func (s *Server) proof(ctx context.Context, org sallyport.OrgID, name string) (proofView, error) {
	r, err := s.findRecord(ctx, org, name)
	if err != nil {
		return proofView{}, err
	}
	if sallyport.ChainHash(r.Prev, r.Body) != r.Hash {
		return proofView{}, sallyport.NewError(sallyport.Conflict, "the record's bytes are not those that were hashed: nothing proves it. Verify the trail")
	}
	p, err := s.parts.Prover.Prove(ctx, org, r)
	v := proofView{Seq: p.Seq, Prev: p.Prev, Hash: p.Hash, Record: p.Record, Checkpoint: p.Checkpoint, Key: p.Key, Path: make([]string, len(p.Path))}
	for i, hash := range p.Path {
		v.Path[i] = hash.String()
	}
	return v, err
}

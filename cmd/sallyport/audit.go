package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

type auditCmd struct {
	List   auditList   `cmd:"" help:"List records, newest first. --org instance has those of unknown callers."`
	Verify auditVerify `cmd:"" help:"Prove that trails are whole, or name the first bad record."`
	Export auditExport `cmd:"" help:"Write a trail as lines of JSON that anyone can verify."`
}

type auditList struct {
	orgFlag
	jsonFlag
	Last    int    `help:"At most so many." default:"50"`
	Before  int64  `help:"Only records before this number." placeholder:"SEQ"`
	Action  string `help:"Only this action, such as chat.completions."`
	Outcome string `help:"Only this outcome: success, failure, client_left, blocked or interrupted."`
	Code    string `help:"Only this error code, such as insufficient_credits."`
	Key     string `help:"Only calls of this key id, see 'sallyport key list'."`
	Model   string `help:"Only calls of this model."`
	Call    string `help:"Only this call id."`
}

func (c *auditList) Run(ctx context.Context, a *app) error {
	if c.Last < 1 {
		return errors.New("--last must be at least 1")
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		records, err := i.db.FindRecords(ctx, org.ID, sallyport.RecordFilter{
			Before: c.Before, Limit: c.Last, Action: c.Action, Outcome: c.Outcome, Code: sallyport.Code(c.Code),
			Key: sallyport.KeyID(c.Key), Model: c.Model, Call: sallyport.CallID(c.Call),
		})
		if err != nil {
			return err
		}
		// In JSON the records are the stored ones, letter for letter.
		bodies := make([]json.RawMessage, 0, len(records))
		for _, r := range records {
			if !json.Valid(r.Body) {
				return fmt.Errorf("record %d is damaged: run 'sallyport audit verify'", r.Seq)
			}
			bodies = append(bodies, r.Body)
		}
		return list(a.out, c.jsonFlag, bodies, "SEQ TIME PHASE ACTION OUTCOME STATUS CODE MODEL ACTOR RESOURCE", recordLine)
	})
}

func recordLine(body json.RawMessage) []any {
	var r sallyport.Record
	_ = json.Unmarshal(body, &r) // what cannot be read stays empty; verify tells more
	actor := r.Actor.Type
	if r.Route == commandLine {
		actor = commandLine
	}
	if r.Actor.KeyPrefix != "" {
		actor += " " + r.Actor.KeyPrefix
	}
	status := ""
	if r.Status != 0 {
		status = fmt.Sprint(r.Status)
	}
	return []any{r.Seq, when(r.Time), r.Phase, r.Action, r.Outcome, status, r.Code, r.ModelRequested, actor, r.Resource}
}

type auditVerify struct {
	orgFlag
	jsonFlag
	File string `help:"Verify an export instead of the database; - for standard input." placeholder:"FILE"`
}

type verifyView struct {
	OrgID   sallyport.OrgID `json:"org_id,omitempty"`
	OK      bool            `json:"ok"`
	Records int64           `json:"records"`
	Last    int64           `json:"last_seq"`
	Hash    string          `json:"hash"`
	BadSeq  int64           `json:"bad_seq,omitempty"`
	Why     string          `json:"why,omitempty"`
}

// Run verifies one organisation's trail, or without --org all of them and the instance's.
func (c *auditVerify) Run(ctx context.Context, a *app) error {
	if c.File != "" {
		return c.verifyFile(a)
	}
	return a.with(ctx, func(i *instance) error {
		orgs, err := i.trails(ctx, c.Org)
		if err != nil {
			return err
		}
		var views []verifyView
		for _, org := range orgs {
			report, err := i.verify(ctx, org)
			if err != nil {
				return fmt.Errorf("verify the trail of %s: %w", org, err)
			}
			views = append(views, viewReport(org, report))
		}
		return c.tell(a.out, views)
	})
}

func (c *auditVerify) verifyFile(a *app) error {
	in := a.in
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	report, err := audit.Verify(audit.ReadExport(in), audit.Head{})
	if err != nil {
		return err
	}
	return c.tell(a.out, []verifyView{viewReport("", report)})
}

// trails is whose trails are meant: one organisation's, or all and the instance's.
func (i *instance) trails(ctx context.Context, name string) ([]sallyport.OrgID, error) {
	if name != "" {
		org, err := i.org(ctx, name)
		return []sallyport.OrgID{org.ID}, err
	}
	orgs, err := i.db.Orgs(ctx)
	ids := make([]sallyport.OrgID, 0, len(orgs)+1)
	for _, org := range orgs {
		ids = append(ids, org.ID)
	}
	return append(ids, sallyport.InstanceOrg), err
}

func (i *instance) verify(ctx context.Context, org sallyport.OrgID) (audit.Report, error) {
	// The head is read first: what is added meanwhile lies beyond it and is verified too.
	seq, hash, err := i.db.ChainHead(ctx, org)
	if err != nil {
		return audit.Report{}, err
	}
	head := audit.Head{Seq: seq, Hash: hash, Pruned: org == sallyport.InstanceOrg}
	return audit.Verify(i.records(ctx, org), head)
}

// recordsPage is how many records are read at once.
const recordsPage = 500

// records reads a trail from its first record.
func (i *instance) records(ctx context.Context, org sallyport.OrgID) iter.Seq2[sallyport.StoredRecord, error] {
	return i.recordsAfter(ctx, org, 0)
}

// recordsAfter reads a trail after a record, page by page.
func (i *instance) recordsAfter(ctx context.Context, org sallyport.OrgID, after int64) iter.Seq2[sallyport.StoredRecord, error] {
	return func(yield func(sallyport.StoredRecord, error) bool) {
		for after := after; ; {
			page, err := i.db.Records(ctx, org, after, recordsPage)
			if err != nil {
				yield(sallyport.StoredRecord{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				after = r.Seq
			}
			if len(page) < recordsPage {
				return
			}
		}
	}
}

func viewReport(org sallyport.OrgID, r audit.Report) verifyView {
	v := verifyView{OrgID: org, OK: r.Bad == nil, Records: r.Records, Last: r.Last, Hash: fmt.Sprintf("%x", r.Hash[:])}
	if r.Bad != nil {
		v.BadSeq, v.Why = r.Bad.Seq, r.Bad.Why
	}
	return v
}

func (c *auditVerify) tell(w io.Writer, views []verifyView) error {
	bad := false
	for _, v := range views {
		bad = bad || !v.OK
	}
	var err error
	if c.JSON {
		err = printJSON(w, views)
	} else {
		for _, v := range views {
			fmt.Fprintln(w, v)
		}
	}
	if err == nil && bad {
		err = errTold
	}
	return err
}

func (v verifyView) String() string {
	whose := "export"
	if v.OrgID != "" {
		whose = string(v.OrgID)
	}
	if v.OK {
		return fmt.Sprintf("%s: ok, %d records up to %d, head %s", whose, v.Records, v.Last, v.Hash)
	}
	return fmt.Sprintf("%s: BAD at record %d: %s (%d records before it are good)", whose, v.BadSeq, v.Why, v.Records)
}

type auditExport struct {
	orgFlag
	Out string `help:"File to write. Default: standard output." placeholder:"FILE"`
}

func (c *auditExport) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) (err error) {
		out := a.out
		if c.Out != "" {
			file, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			out = file
		}
		lines, err := audit.Export(out, i.records(ctx, org.ID))
		fmt.Fprintf(a.log, "%d records written\n", lines)
		return err
	})
}

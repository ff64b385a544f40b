package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

type auditCmd struct {
	List       auditList       `cmd:"" help:"List records, newest first. --org instance has those of unknown callers."`
	Verify     auditVerify     `cmd:"" help:"Prove that trails are whole, or name the first bad record."`
	Export     auditExport     `cmd:"" help:"Write a trail as lines of JSON that anyone can verify, or records as CSV or JSON Lines."`
	Checkpoint auditCheckpoint `cmd:"" help:"Sign what the trail is now, and print the signed statement and its public key."`
	Prove      auditProve      `cmd:"" help:"Print a proof that one record is in the trail."`
	Policy     auditPolicyCmd  `cmd:"" help:"For how long the trail is kept, and what is kept of what calls say."`
	Hold       auditHoldCmd    `cmd:"" help:"A legal hold keeps everything."`
	Prune      auditPrune      `cmd:"" help:"Remove the records that are older than they are kept."`
	Tombstones auditTombstones `cmd:"" help:"List what retention has removed."`
	Content    auditContent    `cmd:"" help:"Show what is kept of what a call said."`
	Erase      auditEraseCmd   `cmd:"" help:"Erase what stands beside the trail, which stays whole."`
	Sinks      auditSinks      `cmd:"" help:"The sinks of the configuration: how far they have got, and sending once more."`
}

// recordFlags choose records.
type recordFlags struct {
	Before   int64     `help:"Only records before this number." placeholder:"SEQ"`
	Since    time.Time `help:"Only this instant and later, such as 2026-03-01T00:00:00Z." placeholder:"TIME"`
	Until    time.Time `help:"Only before this instant." placeholder:"TIME"`
	Action   string    `help:"Only this action, such as chat.completions."`
	Route    string    `help:"Only this route, such as 'POST /v1/chat/completions'."`
	Outcome  string    `help:"Only this outcome, such as success."`
	Code     string    `help:"Only this error code, such as insufficient_credits."`
	Actor    string    `help:"Only what this user id did, by any of the user's keys." placeholder:"USER"`
	Key      string    `help:"Only calls of this key id, see 'sallyport key list'."`
	Model    string    `help:"Only calls of this model."`
	Call     string    `help:"Only this call id."`
	Event    string    `help:"Only this event id."`
	Phase    string    `help:"Only this phase: intent, outcome, refusal, event or late."`
	Request  string    `help:"Only this request id, as X-Request-Id told it."`
	Run      string    `name:"run" help:"Only the steps of this run id, and what was done to it."`
	Resource string    `help:"Only what was done to this, such as key/0197…."`
	Address  string    `help:"Only calls from this IP address, where it is kept." placeholder:"IP"`
	Finding  string    `help:"Only where DLP found this type, such as EMAIL_ADDRESS." placeholder:"TYPE"`
}

func (f recordFlags) filter(limit int) sallyport.RecordFilter {
	return sallyport.RecordFilter{
		Before: f.Before, Limit: limit, Action: f.Action, Outcome: f.Outcome, Code: sallyport.Code(f.Code),
		Key: sallyport.KeyID(f.Key), Model: f.Model, Call: sallyport.CallID(f.Call), Event: f.Event,
		Phase: sallyport.Phase(f.Phase), Request: f.Request, Resource: f.Resource, Address: f.Address,
		Actor: sallyport.UserID(f.Actor), Run: sallyport.RunID(f.Run), Route: f.Route, Finding: f.Finding, Since: f.Since, Until: f.Until,
	}
}

type auditList struct {
	orgFlag
	jsonFlag
	recordFlags
	Last int `help:"At most so many." default:"50"`
}

func (c *auditList) Run(ctx context.Context, a *app) error {
	if c.Last < 1 {
		return errors.New("--last must be at least 1")
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		records, err := i.db.FindRecords(ctx, org.ID, c.filter(c.Last))
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

// recordsPage is how many records are read at once.
const recordsPage = 500

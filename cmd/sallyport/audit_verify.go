package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

type auditVerify struct {
	orgFlag
	jsonFlag
	File       string   `help:"Verify an export instead of the database; - for standard input." placeholder:"FILE"`
	Proof      string   `help:"Verify a proof of one record instead; - for standard input." placeholder:"FILE"`
	Key        string   `help:"Public key of the checkpoints, as 'audit checkpoint' printed it earlier." placeholder:"KEY"`
	Checkpoint []string `help:"Checkpoint that was kept elsewhere: the trail must still have what it states. Needs --key." placeholder:"FILE" sep:"none"`
}

type verifyView struct {
	OrgID       sallyport.OrgID `json:"org_id,omitempty"`
	OK          bool            `json:"ok"`
	Records     int64           `json:"records"`
	Last        int64           `json:"last_seq"`
	Hash        string          `json:"hash"`
	Checkpoints int64           `json:"checkpoints"`
	Signed      int64           `json:"signed_seq"` // the last record that a checkpoint covers
	Key         string          `json:"checkpoint_key,omitempty"`
	BadSeq      int64           `json:"bad_seq,omitempty"`
	Why         string          `json:"why,omitempty"`
}

// Run verifies one organisation's trail, or without --org all of them and the instance's.
func (c *auditVerify) Run(ctx context.Context, a *app) error {
	trust, err := c.trust()
	switch {
	case err != nil:
		return err
	case c.Proof != "":
		return c.verifyProof(a)
	case c.File != "":
		return c.verifyFile(a, trust)
	case len(trust.Notes) > 0 && c.Org == "":
		return errors.New("a checkpoint is of one organisation: name it with --org")
	}
	return a.with(ctx, func(i *instance) error {
		orgs, err := i.trails(ctx, c.Org)
		if err != nil {
			return err
		}
		var views []verifyView
		for _, org := range orgs {
			report, err := i.verify(ctx, org, trust)
			if err != nil {
				return fmt.Errorf("verify the trail of %s: %w", org, err)
			}
			views = append(views, viewReport(org, report))
		}
		return c.tell(a.out, views)
	})
}

// trust is what the flags bring from elsewhere.
func (c *auditVerify) trust() (audit.Trust, error) {
	trust := audit.Trust{Key: c.Key}
	for _, name := range c.Checkpoint {
		text, err := os.ReadFile(name)
		if err != nil {
			return trust, err
		}
		trust.Notes = append(trust.Notes, text)
	}
	return trust, nil
}

// openArg opens a file that was named as an argument; "-" is standard input.
func (a *app) openArg(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	return os.Open(name)
}

func (c *auditVerify) verifyFile(a *app, trust audit.Trust) error {
	in, err := a.openArg(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	report, err := audit.VerifyTrail(audit.ReadTrail(in), audit.Head{}, trust)
	if err != nil {
		return err
	}
	return c.tell(a.out, []verifyView{viewReport("", report)})
}

func (i *instance) verify(ctx context.Context, org sallyport.OrgID, trust audit.Trust) (audit.Report, error) {
	// The head is read first: what is added meanwhile lies beyond it and is verified too.
	seq, hash, err := i.db.ChainHead(ctx, org)
	if err != nil {
		return audit.Report{}, err
	}
	key, err := i.checkpointKey(ctx, org)
	if err != nil {
		return audit.Report{}, err
	}
	if trust.Key == "" {
		trust.Key = key.Public
	}
	head := audit.Head{Seq: seq, Hash: hash, Pruned: org == sallyport.InstanceOrg}
	return audit.VerifyTrail(i.signedTrail(ctx, org, key.Public), head, trust)
}

func viewReport(org sallyport.OrgID, r audit.Report) verifyView {
	v := verifyView{
		OrgID: org, OK: r.Bad == nil, Records: r.Records, Last: r.Last, Hash: fmt.Sprintf("%x", r.Hash[:]),
		Checkpoints: r.Checkpoints, Signed: r.Signed,
	}
	if r.Checkpoints > 0 {
		v.Key = r.Key
	}
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
		if c.File != "" && c.Key == "" && views[0].Checkpoints > 0 {
			fmt.Fprintf(w, "The key came with the export: compare it with one from elsewhere, or give that with --key.\n")
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
	if !v.OK {
		return fmt.Sprintf("%s: BAD at record %d: %s (%d records before it are good)", whose, v.BadSeq, v.Why, v.Records)
	}
	text := fmt.Sprintf("%s: ok, %d records up to %d, head %s", whose, v.Records, v.Last, v.Hash)
	if v.Checkpoints > 0 {
		text += fmt.Sprintf(", %d checkpoints up to record %d, key %s", v.Checkpoints, v.Signed, strings.TrimSpace(v.Key))
	}
	return text
}

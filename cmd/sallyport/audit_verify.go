package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	Content    bool     `help:"Also open what is kept of calls, and prove that it belongs to their records."`
	Key        string   `help:"Public key of the checkpoints, as 'audit checkpoint' printed it earlier." placeholder:"KEY"`
	Checkpoint []string `help:"Checkpoint that was kept elsewhere: the trail must still have what it states. Needs --key." placeholder:"FILE" sep:"none"`
}

type verifyView struct {
	OrgID sallyport.OrgID `json:"org_id,omitempty"`
	audit.Verdict
	Contents int64 `json:"contents,omitempty"` // with --content: how many were opened and found good
}

// Run verifies one organisation's trail, or without --org all of them and the instance's.
func (c *auditVerify) Run(ctx context.Context, a *app) error {
	trust, err := c.trust()
	switch {
	case err != nil:
		return err
	case c.Content && (c.Proof != "" || c.File != ""):
		return errors.New("--content goes with the database: neither an export nor a proof has content")
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
			kept := int64(0)
			if err == nil && c.Content && report.Bad == nil {
				kept, err = i.verifyContents(ctx, org, &report)
			}
			if err != nil {
				return fmt.Errorf("verify the trail of %s: %w", org, err)
			}
			view := viewReport(org, report)
			view.Contents = kept
			views = append(views, view)
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
	report, err := audit.VerifyExport(audit.ReadTrail(in), trust)
	if err != nil {
		return err
	}
	return c.tell(a.out, []verifyView{viewReport("", report)})
}

func (i *instance) verify(ctx context.Context, org sallyport.OrgID, trust audit.Trust) (audit.Report, error) {
	return i.checkpointer(slog.New(slog.DiscardHandler)).Verify(ctx, i.db, org, trust, func(int64) {})
}

func viewReport(org sallyport.OrgID, r audit.Report) verifyView {
	return verifyView{OrgID: org, Verdict: r.Verdict()}
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
		if c.File != "" && c.Key == "" && views[0].Key != "" {
			fmt.Fprintf(w, "The key came with the export: compare it with one from elsewhere, or give that with --key.\n")
		}
		if v := views[0]; c.File != "" && v.OK && v.Signed < v.Last {
			fmt.Fprintf(w, "Records %d to %d are covered by no checkpoint: nothing tells whether they were written anew, or more were cut off.\n", v.Signed+1, v.Last)
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
	if v.Removed > 0 {
		text += fmt.Sprintf(", %d records removed by retention (%d tombstones)", v.Removed, v.Tombstones)
	}
	if v.Checkpoints > 0 {
		text += fmt.Sprintf(", %d checkpoints up to record %d", v.Checkpoints, v.Signed)
	}
	if v.Contents > 0 {
		text += fmt.Sprintf(", %d contents", v.Contents)
	}
	if v.Key != "" {
		text += ", key " + strings.TrimSpace(v.Key)
	}
	return text + v.Clock.String()
}

// verifications works on those that are asked for by the API.
func (i *instance) verifications(log *slog.Logger) *audit.Verifications {
	return &audit.Verifications{
		Store: i.db, Trails: i.db, Checkpoints: i.checkpointer(log), Audit: i.audit, Now: i.app.now, Log: log,
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

type auditContent struct {
	orgFlag
	jsonFlag
	Call string `arg:"" help:"A call's id, or the number of the record of its outcome: see 'sallyport audit list --json'."`
}

type contentView struct {
	CallID  sallyport.CallID  `json:"call_id"`
	Seq     int64             `json:"seq"` // of the record that the content is bound to
	UserID  sallyport.UserID  `json:"user_id"`
	At      time.Time         `json:"at"`
	Request audit.KeptRequest `json:"request"`
	Answer  *audit.KeptAnswer `json:"answer,omitempty"`
}

// Help tells that it is seen.
func (c *auditContent) Help() string { return "That somebody looked is written into the trail first." }

func (c *auditContent) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		seq, _ := strconv.ParseInt(c.Call, 10, 64) // 0: it is an id
		kept, record, err := i.db.LookAtContent(ctx, org.ID, sallyport.CallID(c.Call), seq, i.event(org.ID, "audit.content", "", nil))
		if sallyport.CodeOf(err) == sallyport.NotFound {
			return fmt.Errorf("nothing is kept of the call %s", c.Call)
		}
		if err != nil {
			return err
		}
		opened, err := i.openContent(ctx, kept, record)
		if err != nil {
			return err
		}
		view := contentView{kept.Call, kept.Seq, kept.User, kept.At, opened.Request, opened.Answer}
		return show(a.out, c.jsonFlag, view, view.lines()...)
	})
}

// openContent opens what is kept of a call and proves that it belongs to the record.
func (i *instance) openContent(ctx context.Context, c sallyport.Content, record sallyport.StoredRecord) (audit.Kept, error) {
	return audit.OpenContent(c, record.Body, func(sealed, associated []byte) ([]byte, error) {
		return i.ring.Unseal(ctx, c.Org, secret.Content, sealed, associated)
	})
}

// lines are for a terminal, which what somebody wrote must not steer.
func (v contentView) lines() []string {
	lines := []string{
		fmt.Sprintf("call %s, record %d, user %s, %s", v.CallID, v.Seq, v.UserID, when(v.At)),
		"request" + cutMark(v.Request.Cut) + ":",
	}
	if v.Request.Withheld {
		lines = append(lines, "(it could not be judged by data protection, and is not kept)")
	} else {
		lines = append(lines, plainLines(v.Request.Text)...)
	}
	if v.Answer == nil {
		return lines
	}
	lines = append(lines, "answer"+cutMark(v.Answer.Cut)+":")
	for _, text := range v.Answer.Texts {
		lines = append(lines, fmt.Sprintf("(%d, %s %s)", text.Choice, text.Kind, oneLine(text.Tool)))
		lines = append(lines, plainLines(text.Text)...)
	}
	return lines
}

func cutMark(cut bool) string {
	if cut {
		return ", the beginning"
	}
	return ""
}

func plainLines(text string) (lines []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			line = oneLine(line)
		}
		lines = append(lines, line)
	}
	return lines
}

type auditEraseCmd struct {
	Content       eraseContent       `cmd:"" help:"Erase what is kept of what calls say."`
	Conversations eraseConversations `cmd:"" help:"Erase conversations with their messages, files and shares; --before: those that were last written in before."`
	Files         eraseFiles         `cmd:"" help:"Erase files that were uploaded by the API; --before: those uploaded before."`
	Addresses     eraseAddresses     `cmd:"" help:"Erase the addresses and user agents beside records. --org instance has those of unknown callers."`
}

// eraseFlags choose what is erased.
type eraseFlags struct {
	orgFlag
	jsonFlag
	Call   string    `help:"Of this call id." placeholder:"CALL"`
	User   string    `help:"Of what this member did, by e-mail or id." placeholder:"USER"`
	Before time.Time `help:"Of what happened before this instant, such as 2026-03-01T00:00:00Z." placeholder:"TIME"`
}

type eraseContent struct{ eraseFlags }

func (c *eraseContent) Run(ctx context.Context, a *app) error {
	return c.erase(ctx, a, audit.ErasedContent)
}

type eraseConversations struct{ eraseFlags }

func (c *eraseConversations) Run(ctx context.Context, a *app) error {
	return c.erase(ctx, a, audit.ErasedConversations)
}

type eraseFiles struct{ eraseFlags }

func (c *eraseFiles) Run(ctx context.Context, a *app) error {
	return c.erase(ctx, a, audit.ErasedFiles)
}

type eraseAddresses struct{ eraseFlags }

func (c *eraseAddresses) Run(ctx context.Context, a *app) error {
	return c.erase(ctx, a, audit.ErasedAddresses)
}

type erasedView struct {
	Erased int64 `json:"erased"`
}

func (c *eraseFlags) erase(ctx context.Context, a *app, what string) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		f := sallyport.Erasure{Call: sallyport.CallID(c.Call), User: sallyport.UserID(c.User), Before: c.Before}
		if strings.Contains(c.User, "@") {
			m, err := i.member(ctx, org.ID, c.User)
			if err != nil {
				return err
			}
			f.User = m.User.ID
		}
		if c.Call != "" {
			records, err := i.db.FindRecords(ctx, org.ID, sallyport.RecordFilter{Call: f.Call, Limit: 1})
			if err != nil {
				return err
			}
			if len(records) == 0 {
				return fmt.Errorf("there is no call %q in the trail: see 'sallyport audit list --json'", c.Call)
			}
		}
		erased, _, err := audit.Erase(ctx, i.db, org.ID, what, f, math.MaxInt, func(change any) sallyport.Record {
			return i.event(org.ID, audit.ActionErase, what, change)
		})
		if err != nil {
			return errors.Join(err, fmt.Errorf("erased until then: %d", erased))
		}
		return show(a.out, c.jsonFlag, erasedView{erased}, fmt.Sprintf("erased: %d", erased))
	})
}

// verifyContents proves that what is kept of calls is what their records were
// written with. It reports the first that is not.
func (i *instance) verifyContents(ctx context.Context, org sallyport.OrgID, report *audit.Report) (kept int64, err error) {
	for after := int64(0); ; {
		page, err := i.db.Contents(ctx, org, after, contentsPage)
		if err != nil {
			return kept, err
		}
		for _, c := range page {
			after = c.Seq
			records, err := i.db.Records(ctx, org, c.Seq-1, 1)
			if err != nil {
				return kept, err
			}
			err = audit.ErrContent
			if len(records) == 1 && records[0].Seq == c.Seq {
				_, err = i.openContent(ctx, c, records[0])
			}
			if err != nil {
				report.Records = c.Seq - report.First
				report.Bad = &audit.Bad{Seq: c.Seq, Why: audit.BadContent + ": " + err.Error()}
				return kept, nil
			}
			kept++
		}
		if len(page) < contentsPage {
			return kept, nil
		}
	}
}

// contentsPage is how many contents are read at once: they are large.
const contentsPage = 50

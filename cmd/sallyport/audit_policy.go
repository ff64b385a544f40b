package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

type auditPolicyCmd struct {
	Show      auditPolicyShow `cmd:"" help:"Show for how long the trail is kept, what is kept of what calls say, and whether there is a legal hold."`
	Retention setRetention    `cmd:"" help:"Decide for how many days records are kept."`
	Content   setContent      `cmd:"" help:"Decide what is kept of what calls say: nothing (metadata), the request, or request and answer."`
	Readers   setReaders      `cmd:"" help:"Decide who may read that by the API. At the command line it can be read anyway."`
}

type auditHoldCmd struct {
	On  holdOn  `cmd:"" help:"Nothing of the trail is removed or erased from now on."`
	Off holdOff `cmd:"" help:"End the legal hold."`
}

// operatorsDefault stands for what the operator says, where an organisation
// decides nothing itself.
const operatorsDefault = "default"

type auditPolicyView struct {
	RetentionDays int64                             `json:"retention_days"` // 0: for ever
	Content       sallyport.ContentLevel            `json:"content"`
	ContentDays   int64                             `json:"content_days"` // 0: as long as the record
	Actions       map[string]sallyport.ContentLevel `json:"actions,omitempty"`
	Readers       []sallyport.UserID                `json:"readers"`
	Hold          *policy.Hold                      `json:"legal_hold"`
	Decided       []string                          `json:"decided"` // on these; the rest is the operator's
}

type auditPolicyShow struct {
	orgFlag
	jsonFlag
}

func (c *auditPolicyShow) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		view, err := i.auditView(ctx, org.ID)
		if err != nil {
			return err
		}
		return show(a.out, c.jsonFlag, view, view.lines()...)
	})
}

func (i *instance) auditView(ctx context.Context, org sallyport.OrgID) (auditPolicyView, error) {
	p, err := i.auditPolicy(ctx, org)
	if err != nil {
		return auditPolicyView{}, err
	}
	return auditPolicyView{
		RetentionDays: p.Retention.Days, Content: p.Content.Level, ContentDays: *p.Content.Days,
		Actions: p.Actions, Readers: append([]sallyport.UserID{}, p.Readers.Users...), Hold: p.Hold,
		Decided: append([]string{}, slices.Sorted(maps.Keys(p.Decided))...),
	}, nil
}

func (v auditPolicyView) lines() []string {
	days := func(n int64, zero string) string {
		if n == 0 {
			return zero
		}
		return fmt.Sprintf("for %d days", n)
	}
	lines := []string{
		"records: kept " + days(v.RetentionDays, "for ever"),
		"content: " + string(v.Content) + ", kept " + days(v.ContentDays, "as long as its record"),
	}
	for _, action := range slices.Sorted(maps.Keys(v.Actions)) {
		lines = append(lines, "content of "+action+": "+string(v.Actions[action]))
	}
	readers := "nobody by the API"
	if len(v.Readers) > 0 {
		readers = strings.Trim(fmt.Sprint(v.Readers), "[]")
	}
	lines = append(lines, "readers of content: "+readers)
	if v.Hold == nil {
		return append(lines, "legal hold: none")
	}
	return append(lines, "legal hold: since "+when(v.Hold.Since)+" "+v.Hold.Reason)
}

// auditPolicy is what binds the organisation's trail.
func (i *instance) auditPolicy(ctx context.Context, org sallyport.OrgID) (policy.Audit, error) {
	stored, err := i.db.Policies(ctx, org, sallyport.KindAudit)
	if err != nil {
		return policy.Audit{}, err
	}
	return policy.ReadAudit(stored, policyDefaults(i.cfg).Audit)
}

// setAudit decides on one subject; nil: the operator does.
func (i *instance) setAudit(ctx context.Context, org sallyport.OrgID, subject, action string, decided any) error {
	var body []byte
	if decided != nil {
		var err error
		if body, err = json.Marshal(decided); err != nil {
			return err
		}
		if _, err := policy.ReadAudit(map[string][]byte{subject: body}, policyDefaults(i.cfg).Audit); err != nil {
			return err
		}
	}
	rec := i.event(org, action, "policy/audit/"+subject, json.RawMessage(policy.AuditChange(subject, body)))
	if err := i.db.SetPolicy(ctx, org, sallyport.KindAudit, subject, body, rec); err != nil {
		return err
	}
	return i.tellAudit(ctx, org, subject)
}

// tellAudit prints what holds now for a subject that was decided on.
func (i *instance) tellAudit(ctx context.Context, org sallyport.OrgID, subject string) error {
	view, err := i.auditView(ctx, org)
	if err != nil {
		return err
	}
	beginning := "content:"
	switch subject {
	case policy.AuditRetention:
		beginning = "records:"
	case policy.AuditReaders:
		beginning = "readers of content:"
	case sallyport.LegalHold:
		beginning = "legal hold:"
	}
	for action := range view.Actions {
		if subject == policy.ContentSubject(action) {
			beginning = "content of " + action + ":"
		}
	}
	for _, line := range view.lines() {
		if strings.HasPrefix(line, beginning) {
			err = errors.Join(err, i.app.done(nil, "%s", line))
		}
	}
	return err
}

type setRetention struct {
	orgFlag
	Days string `arg:"" help:"Days; 0 for ever; 'default' as the operator's file says."`
}

func (c *setRetention) Run(ctx context.Context, a *app) error {
	var decided any
	if c.Days != operatorsDefault {
		days, err := strconv.ParseInt(c.Days, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is neither a number of days nor %q", c.Days, operatorsDefault)
		}
		decided = policy.Retention{Days: days}
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		return i.setAudit(ctx, org.ID, policy.AuditRetention, actionPolicySet, decided)
	})
}

type setContent struct {
	orgFlag
	Level  string `arg:"" help:"metadata, request, answer, or 'default' as the operator's file says."`
	Days   *int64 `help:"For how many days content is kept; 0: as long as its record. Default: as the operator's file says." placeholder:"N"`
	Action string `help:"Decide for this action alone, such as chat.completions or agents.step." placeholder:"ACTION"`
}

func (c *setContent) Run(ctx context.Context, a *app) error {
	var decided any
	if c.Level != operatorsDefault {
		decided = policy.Content{Level: sallyport.ContentLevel(c.Level), Days: c.Days}
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		return i.setAudit(ctx, org.ID, policy.ContentSubject(c.Action), actionPolicySet, decided)
	})
}

type setReaders struct {
	orgFlag
	Email []string `arg:"" optional:"" help:"Members, who replace those named before. None: nobody."`
}

func (c *setReaders) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		readers := policy.Readers{Users: []sallyport.UserID{}}
		for _, email := range c.Email {
			m, err := i.member(ctx, org.ID, email)
			if err != nil {
				return err
			}
			readers.Users = append(readers.Users, m.User.ID)
		}
		return i.setAudit(ctx, org.ID, policy.AuditReaders, actionPolicySet, readers)
	})
}

// The actions of changes of policies on the trail; the control plane writes the
// same.
const (
	actionPolicySet = "policies.set"
	actionHold      = "audit.hold"
)

type holdOn struct {
	orgFlag
	Reason string `help:"What it is about. It is not written into the trail." placeholder:"TEXT"`
}

func (c *holdOn) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		return i.setAudit(ctx, org.ID, sallyport.LegalHold, actionHold, policy.Hold{Since: a.now().UTC().Truncate(time.Second), Reason: c.Reason})
	})
}

type holdOff struct {
	orgFlag
}

func (c *holdOff) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		return i.setAudit(ctx, org.ID, sallyport.LegalHold, actionHold, nil)
	})
}

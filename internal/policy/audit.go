package policy

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// The subjects of policies on the trail, of kind sallyport.KindAudit, besides
// sallyport.LegalHold. Each is set alone, so that two administrators who change
// different things at once do not undo each other.
const (
	AuditRetention = "retention" // Retention
	AuditContent   = "content"   // Content; and of one action: ContentSubject
	AuditReaders   = "readers"   // Readers
)

// ContentSubject is the subject of what is kept of calls of one action, such as
// chat.completions, which is the name of a route; "" is all of them.
func ContentSubject(action string) string {
	if action == "" {
		return AuditContent
	}
	return AuditContent + "/" + action
}

// Bounds of policies on the trail.
const (
	DaysMax    = 36_500 // a hundred years
	ReadersMax = 1_000
	ReasonMax  = 500 // bytes
)

// Retention is for how many days records are kept; 0: for ever.
type Retention struct {
	Days int64 `json:"days"`
}

// Content is what is kept of what calls say, and for how many days; 0: as long
// as their record. Without days it is as the operator says; the policy of one
// action has none.
type Content struct {
	Level sallyport.ContentLevel `json:"level"`
	Days  *int64                 `json:"days,omitempty"`
}

// Readers are who may read kept content, besides the operator at the command
// line. The right is nobody's by role.
type Readers struct {
	Users []sallyport.UserID `json:"users"`
}

// Hold is a legal hold.
type Hold struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}

// Audit is what binds an organisation's trail.
type Audit struct {
	Retention Retention
	Content   Content                           // its Days are set
	Actions   map[string]sallyport.ContentLevel // where calls of one action have a level of their own
	Readers   Readers
	Hold      *Hold // nil: none
	// Decided says of subjects whether the organisation has decided on them.
	Decided map[string]bool
}

// Level says what is kept of calls of an action.
func (a Audit) Level(action string) sallyport.ContentLevel {
	if level, decided := a.Actions[action]; decided {
		return level
	}
	return a.Content.Level
}

// Audit returns what binds the organisation's trail.
func (b *Book) Audit(ctx context.Context, org sallyport.OrgID) (Audit, error) {
	r, err := b.rules(ctx, org)
	if err != nil {
		return Audit{}, err
	}
	return r.audit, nil
}

// ReadAudit returns what binds a trail, from the stored policies of its
// organisation and what holds where that has decided nothing.
func ReadAudit(stored map[string][]byte, defaults Audit) (Audit, error) {
	a := Audit{
		Retention: defaults.Retention, Content: defaults.Content,
		Actions: make(map[string]sallyport.ContentLevel), Decided: make(map[string]bool),
	}
	for subject, body := range stored {
		if err := a.read(subject, body); err != nil {
			return Audit{}, fmt.Errorf("stored audit policy of %s: %w", subject, err)
		}
		a.Decided[subject] = true
	}
	return a, nil
}

func (a *Audit) read(subject string, body []byte) (err error) {
	switch subject {
	case AuditRetention:
		a.Retention, err = ParseRetention(body)
	case AuditReaders:
		a.Readers, err = ParseReaders(body)
	case sallyport.LegalHold:
		a.Hold = new(Hold)
		*a.Hold, err = ParseHold(body)
	default:
		var c Content
		if c, err = ParseContent(subject, body); err != nil {
			return err
		}
		if action, one := strings.CutPrefix(subject, AuditContent+"/"); one {
			a.Actions[action] = c.Level
			return nil
		}
		a.Content.Level = c.Level
		if c.Days != nil {
			a.Content.Days = c.Days
		}
	}
	return err
}

// ParseRetention reads a stored policy, strictly.
func ParseRetention(body []byte) (Retention, error) {
	r, err := strict[Retention]("retention", body)
	if err == nil {
		err = checkDays(r.Days)
	}
	return r, err
}

// action is what the subject of an action's content looks like.
var action = regexp.MustCompile(`^` + AuditContent + `(/[a-z_]{1,40}(\.[a-z_]{1,40}){0,3})?$`)

// ParseContent reads a stored policy, strictly.
func ParseContent(subject string, body []byte) (Content, error) {
	c, err := strict[Content]("content", body)
	switch {
	case err != nil:
		return c, err
	case !action.MatchString(subject):
		return c, fmt.Errorf("%q is not an action such as chat.completions", strings.TrimPrefix(subject, AuditContent+"/"))
	case !c.Level.Valid():
		return c, fmt.Errorf("the level %q is not known; use metadata, request or answer", c.Level)
	case c.Days == nil:
		return c, nil
	case subject != AuditContent:
		return c, fmt.Errorf("days are those of the organisation: an action has a level alone")
	}
	return c, checkDays(*c.Days)
}

// ParseReaders reads a stored policy, strictly.
func ParseReaders(body []byte) (Readers, error) {
	r, err := strict[Readers]("readers", body)
	if err == nil && len(r.Users) > ReadersMax {
		err = fmt.Errorf("there are more than %d readers", ReadersMax)
	}
	return r, err
}

// ParseHold reads a stored policy, strictly.
func ParseHold(body []byte) (Hold, error) {
	h, err := strict[Hold]("legal hold", body)
	if err == nil && len(h.Reason) > ReasonMax {
		err = fmt.Errorf("the reason is longer than %d bytes", ReasonMax)
	}
	return h, err
}

func checkDays(days int64) error {
	if days < 0 || days > DaysMax {
		return fmt.Errorf("days must be between 0, which means for ever, and %d", DaysMax)
	}
	return nil
}

// AuditChange is what the trail tells of a policy that was set: all of it but
// the reason of a legal hold, which is free text. nil: it was removed.
func AuditChange(subject string, body []byte) []byte {
	switch {
	case body == nil:
		return []byte(`{"removed":true}`)
	case subject == sallyport.LegalHold:
		return []byte(`{"on":true}`)
	}
	return body
}

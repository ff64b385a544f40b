package sallyport

import "time"

// BudgetScope says whose spending a budget bounds.
type BudgetScope string

// The scopes. The subject of a budget is the id of one of them; the whole
// organisation has none.
const (
	BudgetOrganisation BudgetScope = "organisation"
	BudgetGroup        BudgetScope = "group"
	BudgetUser         BudgetScope = "user"
	BudgetKey          BudgetScope = "key"
	BudgetAgent        BudgetScope = "agent"
	BudgetModel        BudgetScope = "model"
)

// Period is the time after which a budget begins anew, in UTC.
type Period string

// The periods. A total never begins anew.
const (
	PeriodDay   Period = "day"
	PeriodMonth Period = "month"
	PeriodTotal Period = "total"
)

// Start is when the period that t lies in began; of a total the year 1970.
func (p Period) Start(t time.Time) time.Time {
	t = t.UTC()
	switch p {
	case PeriodDay:
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	case PeriodMonth:
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Unix(0, 0).UTC()
}

// BudgetID names a budget within its organisation: there is one of each.
type BudgetID struct {
	Scope   BudgetScope
	Subject string // an id of the scope; empty for the organisation
	Period  Period
}

// String is the budget's name in the trail, e.g. "budget/month/user/0197…".
func (id BudgetID) String() string {
	name := "budget/" + string(id.Period) + "/" + string(id.Scope)
	if id.Subject != "" {
		name += "/" + id.Subject
	}
	return name
}

// Budget bounds what may be spent in a period. A call is refused whose hold
// does not fit into Limit less Spent less Held.
type Budget struct {
	Org OrgID
	BudgetID
	Limit Credits
	Since time.Time // when the period began that Spent counts
	Spent Credits   // what calls that ended in the period were charged
	Held  Credits   // what is set aside for calls under way
}

// Used is what the limit has to cover already.
func (b Budget) Used() Credits { return b.Spent + b.Held }

// At is the budget as it stands at that time: one whose period is over has
// spent nothing yet of the next.
func (b Budget) At(t time.Time) Budget {
	if start := b.Period.Start(t); start.After(b.Since) {
		b.Since, b.Spent = start, 0
	}
	return b
}

// BudgetAlerts lists the percentages of a limit whose reaching is told once a
// period, in the trail.
func BudgetAlerts() []int { return []int{50, 80, 100} }

// BudgetAlert tells that spending has reached a percentage of a budget's limit.
type BudgetAlert struct {
	Budget
	Percent int
}

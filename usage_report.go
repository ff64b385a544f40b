package sallyport

import "time"

// UsageBy says what a report of usage is grouped by.
type UsageBy string

// What a report may be grouped by.
const (
	UsageByDay   UsageBy = "day" // UTC
	UsageByModel UsageBy = "model"
	UsageByUser  UsageBy = "user"
	UsageByKey   UsageBy = "key"
	UsageByAgent UsageBy = "agent" // empty: calls of no agent
	UsageByGroup UsageBy = "group" // calls of owners in groups, counted for each
)

// UsageQuery asks for a report. From and To are cut to whole days in UTC, the
// last included; zero is without end.
type UsageQuery struct {
	By   UsageBy
	From time.Time
	To   time.Time
	User UserID // only this member's; empty: everybody's
}

// UsageRow is one line of a report: what the ledger's charges for one day,
// model, user, key, agent or group add up to. A charge belongs to the day on which its
// call ended. Refunds are taken off Charge.
type UsageRow struct {
	Name      string // the day as 2006-01-02, or an id
	Calls     int64
	Usage     Usage
	Charge    Credits
	Estimated int64 // of Calls, those whose usage is ours, not the provider's
	Overruns  int64 // of Calls, those that cost more than was held
}

// Add adds another row's numbers.
func (r *UsageRow) Add(o UsageRow) {
	r.Calls += o.Calls
	r.Usage = r.Usage.Plus(o.Usage)
	r.Charge += o.Charge
	r.Estimated += o.Estimated
	r.Overruns += o.Overruns
}

// UsagePoint is a UsageRow of one day.
type UsagePoint struct {
	Day time.Time // its beginning, in UTC
	UsageRow
}

package audit

import (
	"cmp"

	"github.com/sallyport-ai/sallyport"
)

// Read tells of a call that changed nothing and asked no model, and was answered.
func (b Builder) Read(call *sallyport.Call, status int) sallyport.Record {
	r := b.ofCall(sallyport.PhaseEvent, call)
	r.Source = call.Source
	r.Outcome, r.Status = sallyport.OutcomeSuccess, status
	r.LatencyMS = millis(call.StartedAt, r.Time)
	return r
}

// Change tells of a call that changed resource (for example "key/0197…"). As
// with Event, what is told of the change must be free of secrets.
func (b Builder) Change(call *sallyport.Call, resource string, change any) sallyport.Record {
	r := b.Read(call, cmp.Or(call.Success, 200))
	r.Resource = resource
	r.Change = changeOf(change)
	return r
}

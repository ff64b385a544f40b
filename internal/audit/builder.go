// Package audit builds the records of the trail and proves that a trail is
// whole.
//
// A record is told from the facts of a call: ids, types, counts, codes, times.
// No builder is handed a prompt, an answer or the text of an error, so none can
// write one down; names that come from outside are bounded and must look like
// names. The journal gives a record its place in the organisation's chain and
// hashes the bytes that are stored. Verify reads those bytes again, from the
// database or from an export, and names the first record that is not as it was
// written.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The types of actors.
const (
	ActorKey     = "key"     // a program, by its API key
	ActorUser    = "user"    // a person who signed in
	ActorAgent   = "agent"   // a run, as the key that started it
	ActorSystem  = "system"  // the server or its command line
	ActorUnknown = "unknown" // nobody who could be recognised
)

// Builder builds records. All fields but Began must be set.
type Builder struct {
	Node  string // which node writes
	Boot  string // which start of it
	Now   func() time.Time
	Began time.Time // when that start was, by Now; zero: records have no mono_ns
}

// Intent tells that a call is about to be sent to its model.
func (b Builder) Intent(call *sallyport.Call) sallyport.Record {
	r := b.ofCall(sallyport.PhaseIntent, call)
	r.Source = call.Source
	r.BytesIn = call.BytesIn
	r.Limits = limits(call.Limits)
	r.DLP = dlp(call.DLP)
	r.Cost = costOf(call, sallyport.RecordCost{})
	return r
}

// Outcome tells how an admitted call ended: outcome is one of the outcomes of
// package sallyport, status is what the client saw, cost what it was charged.
func (b Builder) Outcome(call *sallyport.Call, outcome string, status int, err error, cost sallyport.RecordCost) sallyport.Record {
	r := b.ofCall(sallyport.PhaseOutcome, call)
	r.Outcome, r.Status, r.Code = outcome, status, code(err)
	r.Attempts = attempts(call.Attempts)
	r.LatencyMS = millis(call.StartedAt, r.Time)
	r.TTFTMS = millis(call.StartedAt, call.FirstByteAt)
	r.BytesIn, r.BytesOut, r.Delivered = call.BytesIn, call.BytesOut, call.DeliveredChars
	r.Tokens = tokens(call)
	r.Cost = costOf(call, cost)
	r.DLP = dlp(call.DLP)
	return r
}

// Refusal tells that a call was not sent: err says why, status is what the
// client saw. The record of a caller who is in no organisation belongs to the
// instance. When credits are the reason, the journal fills in the balance.
func (b Builder) Refusal(call *sallyport.Call, status int, err error) sallyport.Record {
	r := b.ofCall(sallyport.PhaseRefusal, call)
	r.Source = call.Source
	r.Status, r.Code = status, code(err)
	r.LatencyMS = millis(call.StartedAt, r.Time)
	r.BytesIn = call.BytesIn
	r.DLP = dlp(call.DLP)
	switch r.Code {
	case sallyport.RateLimited:
		r.Limits = limits(call.Limits)
	case sallyport.InsufficientCredits:
		r.Cost = costOf(call, sallyport.RecordCost{})
	}
	return r
}

// Event tells of anything that is no call: who did action to resource
// (for example "key/0197…"), and what changed; nil: nothing to tell. Change is
// written as JSON and must be free of secrets; those of type secret.Text print
// themselves as redacted. Who is told by who: with a key or a user it is they,
// with neither the system; without an organisation it is the instance's event.
func (b Builder) Event(who sallyport.Principal, action, resource string, change any) sallyport.Record {
	r := b.record(sallyport.PhaseEvent, who)
	r.Action, r.Resource = action, resource
	r.Change = changeOf(change)
	return r
}

// Interrupted closes a call whose server died: it is charged its hold, since
// nobody knows what it used. Facts come from its intent as far as that can be read.
func (b Builder) Interrupted(open journal.OpenCall) journal.Entry {
	var intent sallyport.Record
	if json.Unmarshal(open.Intent, &intent) != nil {
		intent = sallyport.Record{Actor: sallyport.Actor{Type: ActorKey, User: open.Open.User, Key: open.Open.Key}}
	}
	r := b.record(sallyport.PhaseOutcome, sallyport.Principal{Org: open.Org})
	r.Actor, r.Action, r.Route, r.RequestID = intent.Actor, intent.Action, intent.Route, intent.RequestID
	r.Call, r.Run, r.RunStep = open.Call, intent.Run, intent.RunStep
	r.ModelRequested, r.ModelUsed, r.Provider = intent.ModelRequested, open.Open.Model, intent.Provider
	r.Stream, r.BytesIn = intent.Stream, intent.BytesIn
	r.Outcome, r.Code = sallyport.OutcomeInterrupted, sallyport.Internal
	r.Cost = &sallyport.RecordCost{
		Hold: open.Open.Hold, Charge: open.Open.Hold, Estimated: true,
		PriceVersion: open.Open.Price.Version,
	}
	return journal.Entry{
		Org: open.Org, Record: r,
		Close: &journal.Close{Call: open.Call, Cost: open.Open.Hold, Estimated: true},
	}
}

// record is what every record has.
func (b Builder) record(phase sallyport.Phase, who sallyport.Principal) sallyport.Record {
	now := b.Now()
	r := sallyport.Record{
		Version: sallyport.RecordVersion,
		EventID: uuid.Must(uuid.NewV7()).String(),
		Phase:   phase, Time: now.UTC(), Node: b.Node, Boot: b.Boot,
		Org: who.Org,
		Actor: sallyport.Actor{
			Type: ActorSystem, User: who.User, Key: who.Key, KeyPrefix: who.KeyPrefix, Role: who.Role,
			Session: who.Session,
		},
	}
	switch {
	case who.Key != "":
		r.Actor.Type = ActorKey
	case who.User != "":
		r.Actor.Type = ActorUser
	}
	if r.Org == "" {
		r.Org = sallyport.InstanceOrg
	}
	if !b.Began.IsZero() {
		r.MonoNS = now.Sub(b.Began).Nanoseconds() // by the clock that nobody sets, which now has and now.UTC() has not
	}
	return r
}

// ofCall is what every record of a call has.
func (b Builder) ofCall(phase sallyport.Phase, call *sallyport.Call) sallyport.Record {
	r := b.record(phase, call.Principal)
	switch {
	case call.Run != "":
		r.Actor.Type = ActorAgent
	case r.Actor.Type == ActorSystem:
		r.Actor.Type = ActorUnknown // the server itself makes no calls
	}
	r.Action, r.Route, r.RequestID = call.Action, call.Route, name(call.RequestID)
	r.Call, r.Run, r.RunStep = call.ID, call.Run, call.RunStep
	used := call.Model
	if call.Served.ID != "" {
		used = call.Served
	}
	r.ModelRequested, r.ModelUsed, r.Provider = call.Requested, used.ID, used.Provider
	if call.Requested != call.Model.ID {
		r.ModelRequested = name(call.Requested)
	}
	r.Stream = call.Stream
	return r
}

// changeMax bounds what an event tells of a change.
const changeMax = 64 << 10

// changeOf writes a change down. One that cannot be written is told as that:
// the event itself is never lost.
func changeOf(change any) json.RawMessage {
	if change == nil {
		return nil
	}
	body, err := json.Marshal(change)
	switch {
	case err != nil:
		return json.RawMessage(fmt.Sprintf(`{"not_recorded":"%T cannot be written as JSON"}`, change))
	case len(body) > changeMax:
		return json.RawMessage(fmt.Sprintf(`{"not_recorded":"%d bytes are too long for a record"}`, len(body)))
	}
	return body
}

// code is the code of an error, also of one that has not got its outward form yet.
func code(err error) sallyport.Code {
	var known *sallyport.Error
	var upstream *llm.UpstreamError
	switch {
	case err == nil, errors.As(err, &known):
		return sallyport.CodeOf(err)
	case errors.As(err, &upstream):
		return sallyport.UpstreamError
	case errors.Is(err, context.Canceled):
		return sallyport.ClientClosed
	}
	return sallyport.Internal
}

// millis is the time between two instants, 0 when the later one never came.
func millis(from, to time.Time) int64 {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return max(to.Sub(from).Milliseconds(), 0)
}

func attempts(all []sallyport.Attempt) []sallyport.Attempt {
	var told []sallyport.Attempt
	for _, a := range all {
		a.UpstreamRequestID = name(a.UpstreamRequestID) // a header of the provider's
		told = append(told, a)
	}
	return told
}

func tokens(call *sallyport.Call) *sallyport.RecordTokens {
	if !call.UsageKnown && call.Usage == (sallyport.Usage{}) {
		return nil
	}
	source := "estimated"
	if call.UsageKnown {
		source = "provider"
	}
	return &sallyport.RecordTokens{
		Input: call.Usage.Input, CachedInput: call.Usage.CachedInput, CacheWrite: call.Usage.CacheWrite,
		Output: call.Usage.Output, Reasoning: call.Usage.Reasoning,
		AudioSeconds: call.Usage.AudioSeconds,
		Source:       source, Clamped: call.UsageClamped,
	}
}

// costOf completes cost with what the call itself knows of its price.
func costOf(call *sallyport.Call, cost sallyport.RecordCost) *sallyport.RecordCost {
	if cost.Hold == 0 {
		cost.Hold = call.Hold
	}
	if cost.PriceVersion == "" {
		cost.PriceVersion = call.Model.Price.Version
	}
	return &cost
}

func limits(states []sallyport.LimitState) []sallyport.RecordLimit {
	if len(states) == 0 {
		return nil
	}
	told := make([]sallyport.RecordLimit, 0, len(states))
	for _, s := range states {
		told = append(told, sallyport.RecordLimit{Scope: s.Scope, Subject: s.Subject, Unit: s.Unit, Limit: s.Limit, Remaining: s.Remaining})
	}
	return told
}

// dlp tells what the screen decided; nil when the call did not come that far.
func dlp(d sallyport.DLPResult) *sallyport.RecordDLP {
	if d.Mode == "" {
		return nil
	}
	var findings []sallyport.Finding
	for _, f := range d.Findings[:min(len(d.Findings), sallyport.FindingsKept)] {
		f.Field = name(f.Field) // a path may name keys that the client chose
		findings = append(findings, f)
	}
	return &sallyport.RecordDLP{
		Mode: d.Mode, PolicyVersion: d.PolicyVersion, Action: d.Action,
		Findings: findings, Counts: maps.Clone(d.Counts), RestoreMissed: d.RestoreMissed,
	}
}

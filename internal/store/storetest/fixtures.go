package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// Time is when everything in these tests happens.
var Time = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Node and Boot are who admits the calls of these tests.
const (
	Node = "node-1"
	Boot = "boot-1"
)

// NewID returns a fresh UUIDv7.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// NewOrg makes an organisation.
func NewOrg(t testing.TB, db *store.DB) sallyport.OrgID {
	t.Helper()
	org := sallyport.Organisation{ID: sallyport.OrgID(NewID()), Name: "Acme", CreatedAt: Time}
	if err := db.CreateOrg(t.Context(), org, Event("org.create")); err != nil {
		t.Fatalf("CreateOrg: %v", err)
	}
	return org.ID
}

// NewMember makes a person a member of the organisation.
func NewMember(t testing.TB, db *store.DB, org sallyport.OrgID) sallyport.UserID {
	t.Helper()
	id := sallyport.UserID(NewID())
	m := sallyport.Membership{
		Org: org, Role: sallyport.RoleUser, CreatedAt: Time,
		User: sallyport.User{ID: id, Email: string(id) + "@acme.test", Name: "Ann", CreatedAt: Time},
	}
	if err := db.CreateUser(t.Context(), m, "hash", Event("user.create")); err != nil {
		t.Fatalf("CreateUser: %v", err)
	}
	return id
}

// NewGroup makes a group of members of the organisation.
func NewGroup(t testing.TB, db *store.DB, org sallyport.OrgID, name string, members ...sallyport.UserID) sallyport.GroupID {
	t.Helper()
	g := sallyport.Group{Org: org, ID: sallyport.GroupID(NewID()), Name: name, CreatedAt: Time}
	if err := db.CreateGroup(t.Context(), g, Event("groups.create")); err != nil {
		t.Fatalf("CreateGroup: %v", err)
	}
	if err := db.AddToGroup(t.Context(), org, g.ID, members, Event("groups.add")); err != nil {
		t.Fatalf("AddToGroup: %v", err)
	}
	return g.ID
}

// Event is a record of a change.
func Event(action string) sallyport.Record {
	return sallyport.Record{
		EventID: NewID(), Phase: sallyport.PhaseEvent, Time: Time, Action: action,
		Actor:   sallyport.Actor{Type: "user", User: "u1", Role: sallyport.RoleAdministrator},
		Outcome: sallyport.OutcomeSuccess, Change: json.RawMessage(`{"to":"this"}`),
	}
}

// Intent is the entry that opens a call.
func Intent(org sallyport.OrgID, call sallyport.CallID, hold sallyport.Credits) journal.Entry {
	intent, refusal := callRecord(call, sallyport.PhaseIntent), callRecord(call, sallyport.PhaseRefusal)
	intent.Cost = &sallyport.RecordCost{Hold: hold, PriceVersion: "p1"}
	refusal.Status, refusal.Code, refusal.Outcome = 402, sallyport.InsufficientCredits, sallyport.OutcomeFailure
	return journal.Entry{Org: org, Record: intent, Open: &journal.Open{
		Call: call, Node: Node, Boot: Boot, Key: "k1", User: "u1", Model: "mock-large", Hold: hold,
		Price:   sallyport.Price{Input: 2_500_000, Output: 10_000_000, Version: "p1"},
		Created: Time.UnixMicro(), Refusal: func() sallyport.Record { return refusal },
	}}
}

// Outcome is the entry that closes a call.
func Outcome(org sallyport.OrgID, call sallyport.CallID, cost sallyport.Credits) journal.Entry {
	rec := callRecord(call, sallyport.PhaseOutcome)
	rec.Outcome, rec.Status = sallyport.OutcomeSuccess, 200
	rec.Attempts = []sallyport.Attempt{{Provider: "local", Target: "gpt-4o-mini", Status: 200, MS: 812}}
	rec.Tokens = &sallyport.RecordTokens{Input: 100, Output: 20, Source: "provider"}
	rec.Cost = &sallyport.RecordCost{Charge: cost, PriceVersion: "p1"}
	return journal.Entry{Org: org, Record: rec, Close: &journal.Close{
		Call: call, Cost: cost, Usage: sallyport.Usage{Input: 100, Output: 20},
	}}
}

// callRecord is a record as the gateway writes it, of a usual size.
func callRecord(call sallyport.CallID, phase sallyport.Phase) sallyport.Record {
	return sallyport.Record{
		EventID: NewID(), Phase: phase, Time: Time, Node: Node, Boot: Boot, Action: "chat.completions",
		Actor: sallyport.Actor{Type: "key", User: "u1", Key: "k1", KeyPrefix: "sp-abcd", Role: sallyport.RoleUser},
		Call:  call, RequestID: NewID(), Route: "POST /v1/chat/completions",
		ModelRequested: "mock-large", ModelUsed: "mock-large", Provider: "local", BytesIn: 2048,
		Limits: []sallyport.RecordLimit{{Scope: "organisation", Unit: "requests", Limit: 600, Remaining: 598}},
		DLP:    &sallyport.RecordDLP{Mode: "enforce", PolicyVersion: "d1"},
		Source: sallyport.Source{IP: "192.0.2.7", UserAgent: "curl/8.5.0"},
	}
}

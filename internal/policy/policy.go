// Package policy answers what an organisation has decided: which limits bind a
// principal, what its groups let it do, which DLP policy binds a call, and what
// is kept of the trail. What an organisation has not decided is as the
// operator's configuration says.
//
// Answers are kept in memory until Forget, which the server calls when anything
// in the database has changed. A rule that cannot be read is an error, and the
// call that asked is refused.
package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/limit"
)

// The kinds under which policies are stored, and their subjects; those on the
// trail are in audit.go, those on rights in rights.go.
const (
	KindDLP   = "dlp"   // subject: "" for the organisation, or a model's id
	KindLimit = "limit" // subject: LimitSubject

	scopeOrganisation = "organisation"
	scopeGroup        = "group"
	scopeUser         = "user"
	scopeKey          = "key"
)

// Limits are what binds one scope; 0 means none. Fields are only added, and are
// left out when 0, so that an older program reads what it knows.
type Limits struct {
	RequestsPerMinute int64 `json:"requests_per_minute" yaml:"requests_per_minute"`
	TokensPerMinute   int64 `json:"tokens_per_minute" yaml:"tokens_per_minute"`
	Concurrent        int64 `json:"concurrent,omitempty" yaml:"concurrent,omitempty"` // calls at once
}

// ParseLimits reads stored limits, strictly.
func ParseLimits(body []byte) (Limits, error) {
	l, err := strict[Limits]("limits", body)
	if err != nil {
		return Limits{}, err
	}
	if min(l.RequestsPerMinute, l.TokensPerMinute, l.Concurrent) < 0 {
		return Limits{}, fmt.Errorf("limits: a number is negative")
	}
	return l, nil
}

// strict reads a stored policy of which every field is known.
func strict[T any](what string, body []byte) (policy T, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&policy); err != nil {
		return policy, fmt.Errorf("%s: %w", what, err)
	}
	return policy, nil
}

// Defaults bind organisations that have decided nothing.
type Defaults struct {
	Organisation Limits
	User         Limits
	Key          Limits
	DLP          dlp.Policy
	Audit        Audit
}

// Store reads stored policies; *store.DB is the real one.
type Store interface {
	// Policies returns all policies of a kind, by subject.
	Policies(ctx context.Context, org sallyport.OrgID, kind string) (map[string][]byte, error)
}

// Book answers what is decided. It is safe for concurrent use.
type Book struct {
	store    Store
	engine   *dlp.Engine
	defaults Defaults
	standard map[string]*dlp.Plan // of Defaults.DLP, in each mode

	mu         sync.RWMutex
	generation int // moves with Forget, so that an answer read before is not kept after
	orgs       map[sallyport.OrgID]*rules
}

// rules are one organisation's stored policies, parsed.
type rules struct {
	limits LimitRules
	dlp    map[string]*dlp.Plan
	audit  Audit
	rights access.Rights
	groups groupPlans
}

// New returns a Book over store.
func New(store Store, defaults Defaults) *Book {
	if defaults.DLP.Mode == "" {
		defaults.DLP.Mode = dlp.Enforce
	}
	if defaults.Audit.Content.Level == "" {
		defaults.Audit.Content.Level = sallyport.ContentNone
	}
	b := &Book{
		store: store, engine: dlp.New(), defaults: defaults,
		standard: make(map[string]*dlp.Plan), orgs: make(map[sallyport.OrgID]*rules),
	}
	for _, mode := range []string{dlp.Enforce, dlp.Observe, dlp.Off} {
		p := defaults.DLP
		p.Mode = mode
		b.standard[mode] = b.engine.Plan(p)
	}
	return b
}

// Forget drops what is kept in memory.
func (b *Book) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generation++
	clear(b.orgs)
}

// LimitSubject names whose limits they are: "organisation", "group/<id>", "user/<id>", "key/<id>" or "model/<id>".
func LimitSubject(scope, id string) string {
	if scope == scopeOrganisation {
		return scope
	}
	return scope + "/" + id
}

// Limits returns the buckets that bind the principal: its key's if it has one, its user's, its
// groups' and its organisation's. A group without a decision has no limits.
func (b *Book) Limits(ctx context.Context, p sallyport.Principal) ([]limit.Bucket, error) {
	r, err := b.rules(ctx, p.Org)
	if err != nil {
		return nil, err
	}
	buckets := make([]limit.Bucket, 0, 9)
	bind := func(scope, id, name string) {
		l, _ := r.limits.Of(scope, id)
		buckets = l.appendBuckets(buckets, p.Org, scope, id, name)
	}
	if p.Key != "" { // a session has none, and does not share one with all others
		bind(scopeKey, string(p.Key), "")
	}
	bind(scopeUser, string(p.User), "")
	for _, g := range p.Groups {
		bind(scopeGroup, string(g.ID), g.Name)
	}
	bind(scopeOrganisation, string(p.Org), "")
	return buckets, nil
}

// DLP returns the policy that binds calls of org to the model: the model's own
// where the organisation has decided one, else the organisation's, else the
// default. The operator may set the mode for a model that nobody has decided on.
func (b *Book) DLP(ctx context.Context, org sallyport.OrgID, m sallyport.Model) (*dlp.Plan, error) {
	r, err := b.rules(ctx, org)
	if err != nil {
		return nil, err
	}
	return b.plan(r, m), nil
}

func (b *Book) plan(r *rules, m sallyport.Model) *dlp.Plan {
	if plan, decided := r.dlp[m.ID]; decided {
		return plan
	}
	if plan, decided := r.dlp[""]; decided {
		return plan
	}
	if plan, told := b.standard[m.DLP]; told {
		return plan
	}
	return b.standard[b.defaults.DLP.Mode]
}

func (b *Book) rules(ctx context.Context, org sallyport.OrgID) (*rules, error) {
	b.mu.RLock()
	r, generation := b.orgs[org], b.generation
	b.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	r, err := b.read(ctx, org)
	if err != nil {
		return nil, sallyport.WrapError(sallyport.Internal, "the organisation's policies could not be read", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.generation == generation {
		b.orgs[org] = r
	}
	return r, nil
}

func (b *Book) read(ctx context.Context, org sallyport.OrgID) (*rules, error) {
	r := &rules{limits: LimitRules{make(map[string]Limits), b.defaults}, dlp: make(map[string]*dlp.Plan)}
	stored, err := b.store.Policies(ctx, org, KindLimit)
	if err != nil {
		return nil, err
	}
	for subject, body := range stored {
		if r.limits.Decided[subject], err = ParseLimits(body); err != nil {
			return nil, fmt.Errorf("stored limits of %s: %w", subject, err)
		}
	}
	stored, err = b.store.Policies(ctx, org, KindDLP)
	if err != nil {
		return nil, err
	}
	for subject, body := range stored {
		p, err := dlp.ParsePolicy(body)
		if err != nil {
			return nil, fmt.Errorf("stored DLP policy of %q: %w", subject, err)
		}
		r.dlp[subject] = b.engine.Plan(p)
	}
	if stored, err = b.store.Policies(ctx, org, sallyport.KindAudit); err != nil {
		return nil, err
	}
	if r.audit, err = ReadAudit(stored, b.defaults.Audit); err != nil {
		return nil, err
	}
	if stored, err = b.store.Policies(ctx, org, KindRights); err != nil {
		return nil, err
	}
	r.rights, r.groups.policies, err = ReadRights(stored)
	return r, err
}

package policy

import (
	"context"
	"maps"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/limit"
)

// scopeModel is the scope of limits that all calls to a model share.
const scopeModel = "model"

// LimitRules are the limits that an organisation has decided, and those of who
// has no decision. Groups and models without one have no limits.
type LimitRules struct {
	Decided  map[string]Limits // by LimitSubject
	Defaults Defaults
}

// LimitRules returns what binds the organisation's calls.
func (b *Book) LimitRules(ctx context.Context, org sallyport.OrgID) (LimitRules, error) {
	r, err := b.rules(ctx, org)
	if err != nil {
		return LimitRules{}, err
	}
	return LimitRules{maps.Clone(r.limits.Decided), b.defaults}, nil
}

// Of returns the limits of a scope and whether the organisation has decided them.
func (r LimitRules) Of(scope, id string) (Limits, bool) {
	if l, decided := r.Decided[LimitSubject(scope, id)]; decided {
		return l, true
	}
	switch scope {
	case scopeOrganisation:
		return r.Defaults.Organisation, false
	case scopeUser:
		return r.Defaults.User, false
	case scopeKey:
		return r.Defaults.Key, false
	}
	return Limits{}, false
}

// Buckets are those of a scope that l bounds; name is empty where the scope tells
// who is meant.
func (l Limits) Buckets(org sallyport.OrgID, scope, id, name string) []limit.Bucket {
	return l.appendBuckets(nil, org, scope, id, name)
}

func (l Limits) appendBuckets(buckets []limit.Bucket, org sallyport.OrgID, scope, id, name string) []limit.Bucket {
	for _, of := range [...]limit.Bucket{
		{Unit: limit.Requests, Limit: l.RequestsPerMinute},
		{Unit: limit.Tokens, Limit: l.TokensPerMinute},
		{Unit: limit.Concurrent, Limit: l.Concurrent},
	} {
		if of.Limit > 0 {
			of.Org, of.Scope, of.ID, of.Name = org, scope, id, name
			buckets = append(buckets, of)
		}
	}
	return buckets
}

// ModelLimits returns the buckets that bind all of the organisation's calls to a
// model; none where it has decided nothing.
func (b *Book) ModelLimits(ctx context.Context, org sallyport.OrgID, model string) ([]limit.Bucket, error) {
	r, err := b.rules(ctx, org)
	if err != nil {
		return nil, err
	}
	l, _ := r.limits.Of(scopeModel, model)
	return l.Buckets(org, scopeModel, model, ""), nil
}

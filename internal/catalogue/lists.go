package catalogue

import (
	"cmp"
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// ListStore keeps what providers offer; store.DB is the real one. All methods are
// safe for concurrent use.
type ListStore interface {
	// ProviderLists returns the lists of an organisation's providers, by name.
	ProviderLists(ctx context.Context, org sallyport.OrgID) ([]sallyport.ProviderList, error)
	// ClaimProviderList notes that a provider is asked at that time, unless one has
	// been asked since before: of several who try, one is told true.
	ClaimProviderList(ctx context.Context, org sallyport.OrgID, provider string, at, before time.Time) (bool, error)
	// SaveProviderList replaces a list whole; NoteProviderList its times and how asking
	// ended. The record is for the trail of to.
	SaveProviderList(ctx context.Context, l sallyport.ProviderList, to sallyport.OrgID, rec sallyport.Record) error
	NoteProviderList(ctx context.Context, l sallyport.ProviderList) error
}

// Ask asks a provider what it offers; in the answer Models, Partial and Failure count.
type Ask func(ctx context.Context, org sallyport.OrgID, provider string) (sallyport.ProviderList, error)

// Lists are what providers say that they offer.
type Lists struct {
	store ListStore
	ask   Ask
	now   func() time.Time
}

// NewLists returns the lists in the store, which ask makes new.
func NewLists(store ListStore, ask Ask, now func() time.Time) *Lists {
	return &Lists{store, ask, now}
}

// Of returns the list of a provider: the zero list of that name when it was never asked.
func (l *Lists) Of(ctx context.Context, org sallyport.OrgID, provider string) (sallyport.ProviderList, error) {
	all, err := l.store.ProviderLists(ctx, org)
	if i := slices.IndexFunc(all, func(p sallyport.ProviderList) bool { return p.Provider == provider }); i >= 0 {
		return all[i], err
	}
	return sallyport.ProviderList{Org: org, Provider: provider}, err
}

// All returns the lists of an organisation's own providers and of the operator's.
func (l *Lists) All(ctx context.Context, org sallyport.OrgID) ([]sallyport.ProviderList, error) {
	own, err := l.store.ProviderLists(ctx, org)
	if err != nil {
		return nil, err
	}
	operators, err := l.store.ProviderLists(ctx, sallyport.InstanceOrg)
	return append(own, operators...), err
}

// Refreshed is what came of asking a provider once more.
type Refreshed struct {
	List     sallyport.ProviderList
	OK       bool     `json:"ok"`
	Failed   string   `json:"failed,omitempty"`
	Models   int      `json:"models"`
	New      []string `json:"new,omitempty"`      // at most namesToldMax
	Vanished []string `json:"vanished,omitempty"` // likewise
}

// namesToldMax bounds the names of models in a record.
const namesToldMax = 20

// Changed says whether anything is otherwise than when it was last asked.
func (r Refreshed) Changed() bool { return len(r.New)+len(r.Vanished) > 0 }

// Refresh asks a provider of org, whose list is that of l, and keeps what it says. A
// failure leaves the list that there is. record tells of it in the trail of to; false
// tells nothing.
func (l *Lists) Refresh(ctx context.Context, list sallyport.ProviderList, to sallyport.OrgID,
	record func(Refreshed) (sallyport.Record, bool)) (Refreshed, error) {
	list.AskedAt = l.now()
	said, err := l.ask(ctx, to, list.Provider)
	if err != nil {
		return Refreshed{}, err
	}
	r := Refreshed{OK: said.Failure == "", Failed: said.Failure}
	known := list.Models
	list.Failure = said.Failure
	if r.OK {
		slices.SortFunc(said.Models, func(a, b sallyport.ModelOffer) int { return cmp.Compare(a.Target, b.Target) })
		list.ListedAt, list.Partial, list.Models = list.AskedAt, said.Partial, said.Models
		r.New, r.Vanished = missing(said.Models, known), missing(known, said.Models)
	}
	r.List, r.Models = list, len(list.Models)
	rec, tells := record(r)
	if !tells && reflect.DeepEqual(known, list.Models) {
		return r, l.store.NoteProviderList(ctx, list)
	}
	if !tells { // facts of models changed, and none came or went
		return r, l.store.SaveProviderList(ctx, list, "", rec)
	}
	return r, l.store.SaveProviderList(ctx, list, to, rec)
}

// missing are those of a that b has not.
func missing(a, b []sallyport.ModelOffer) (names []string) {
	there := make(map[string]bool, len(b))
	for _, o := range b {
		there[o.Target] = true
	}
	for _, o := range a {
		if !there[o.Target] && len(names) < namesToldMax {
			names = append(names, o.Target)
		}
	}
	return names
}

// RefreshDue does Refresh for a provider that nobody has asked for the time, and says
// whether it did.
func (l *Lists) RefreshDue(ctx context.Context, org sallyport.OrgID, provider string, every time.Duration,
	record func(Refreshed) sallyport.Record) (bool, error) {
	now := l.now()
	mine, err := l.store.ClaimProviderList(ctx, org, provider, now, now.Add(-every))
	if err != nil || !mine {
		return false, err
	}
	list, err := l.Of(ctx, org, provider)
	if err != nil {
		return false, err
	}
	before := list.Failure
	_, err = l.Refresh(ctx, list, org, func(r Refreshed) (sallyport.Record, bool) {
		return record(r), r.Changed() || r.Failed != before
	})
	return err == nil, err
}

// dated is the end of a name that says of which day it is.
var dated = regexp.MustCompile(`^-\d{8}$`)

// Vanished says whether a provider has stopped to list a model that it served by that
// name. Of names that no list has, although they can be called, nothing is known: a
// list that was cut, ARNs and "latest" names. A name without its day stands for those
// with one, as at Anthropic; one with a region before it for that without, as at
// Bedrock.
func Vanished(l sallyport.ProviderList, target string) bool {
	if l.ListedAt.IsZero() || l.Partial || strings.HasPrefix(target, "arn:") || strings.HasSuffix(target, "-latest") {
		return false
	}
	_, regional, _ := strings.Cut(target, ".")
	return !slices.ContainsFunc(l.Models, func(o sallyport.ModelOffer) bool {
		rest, begins := strings.CutPrefix(o.Target, target)
		return o.Target == target || o.Target == regional || begins && dated.MatchString(rest)
	})
}

package policy_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

const org sallyport.OrgID = "org-1"

var principal = sallyport.Principal{
	Org: org, User: "ann", Key: "key-1", Groups: []sallyport.Group{{ID: "g-1", Name: "Red"}, {ID: "g-2", Name: "Blue"}},
}

// stored is a policy.Store in memory. reading is called before each answer.
type stored struct {
	policies map[string]map[string]string // by kind and subject
	err      error
	reads    int
	reading  func()
}

func (s *stored) Policies(_ context.Context, of sallyport.OrgID, kind string) (map[string][]byte, error) {
	s.reads++
	found := make(map[string][]byte)
	if of == org {
		for subject, body := range s.policies[kind] {
			found[subject] = []byte(body)
		}
	}
	if s.reading != nil {
		s.reading()
	}
	return found, s.err
}

func defaults() policy.Defaults {
	return policy.Defaults{
		Organisation: policy.Limits{RequestsPerMinute: 100},
		User:         policy.Limits{RequestsPerMinute: 10, TokensPerMinute: 1000},
		DLP:          dlp.DefaultPolicy(),
	}
}

func TestLimits(t *testing.T) {
	perKey := limit.Bucket{Org: org, Scope: "key", ID: "key-1", Unit: "requests", Limit: 7}
	perUser := limit.Bucket{Org: org, Scope: "user", ID: "ann", Unit: "requests", Limit: 10}
	tokens := limit.Bucket{Org: org, Scope: "user", ID: "ann", Unit: "tokens", Limit: 1000}
	all := limit.Bucket{Org: org, Scope: "organisation", ID: "org-1", Unit: "requests", Limit: 100}
	red := limit.Bucket{Org: org, Scope: "group", ID: "g-1", Name: "Red", Unit: "requests", Limit: 5}
	blue := limit.Bucket{Org: org, Scope: "group", ID: "g-2", Name: "Blue", Unit: "concurrent", Limit: 2}
	atOnce := limit.Bucket{Org: org, Scope: "user", ID: "ann", Unit: "concurrent", Limit: 3}
	for _, tt := range []struct {
		name   string
		limits map[string]string
		want   []limit.Bucket
	}{
		{"defaults", nil, []limit.Bucket{perUser, tokens, all}},
		{"of the key", map[string]string{"key/key-1": `{"requests_per_minute":7}`}, []limit.Bucket{perKey, perUser, tokens, all}},
		{"of others", map[string]string{"key/key-2": `{"requests_per_minute":7}`, "user/bob": `{"requests_per_minute":1}`}, []limit.Bucket{perUser, tokens, all}},
		{"at once", map[string]string{"user/ann": `{"requests_per_minute":10,"tokens_per_minute":1000,"concurrent":3}`}, []limit.Bucket{perUser, tokens, atOnce, all}},
		{"of groups", map[string]string{"group/g-1": `{"requests_per_minute":5}`, "group/g-2": `{"concurrent":2}`, "group/g-3": `{"requests_per_minute":1}`},
			[]limit.Bucket{perUser, tokens, red, blue, all}},
		{"lifted", map[string]string{"user/ann": `{}`, "organisation": `{}`}, nil},
		{"a decision takes the place of the default as a whole", map[string]string{"user/ann": `{"requests_per_minute":10}`}, []limit.Bucket{perUser, all}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book := policy.New(&stored{policies: map[string]map[string]string{policy.KindLimit: tt.limits}}, defaults())
			got, err := book.Limits(t.Context(), principal)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

// Every call asks for its limits: the buckets are all that is made for it.
func TestLimitsAllocateOnce(t *testing.T) {
	bound := policy.Limits{RequestsPerMinute: 1, TokensPerMinute: 1, Concurrent: 1}
	book := policy.New(&stored{}, policy.Defaults{Organisation: bound, User: bound, Key: bound})
	caller := sallyport.Principal{Org: org, User: "ann", Key: "key-1"}
	made := testing.AllocsPerRun(100, func() {
		if got, err := book.Limits(t.Context(), caller); err != nil || len(got) != 9 {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
	if made > 1 {
		t.Errorf("%v allocations, want 1", made)
	}
}

func TestDLP(t *testing.T) {
	off, observe, enforce := `{"mode":"off"}`, `{"mode":"observe"}`, `{"mode":"enforce"}`
	for _, tt := range []struct {
		name     string
		policies map[string]string
		model    sallyport.Model
		want     string
	}{
		{"default", nil, sallyport.Model{ID: "m"}, dlp.Enforce},
		{"of the organisation", map[string]string{"": off}, sallyport.Model{ID: "m"}, dlp.Off},
		{"of the model", map[string]string{"": off, "m": observe}, sallyport.Model{ID: "m"}, dlp.Observe},
		{"of another model", map[string]string{"n": off}, sallyport.Model{ID: "m"}, dlp.Enforce},
		{"the operator's for the model", nil, sallyport.Model{ID: "m", DLP: dlp.Observe}, dlp.Observe},
		{"the organisation's own for the model", map[string]string{"m": enforce}, sallyport.Model{ID: "m", DLP: dlp.Off}, dlp.Enforce},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book := policy.New(&stored{policies: map[string]map[string]string{policy.KindDLP: tt.policies}}, defaults())
			got, err := book.DLP(t.Context(), org, tt.model)
			if err != nil || got.Policy().Mode != tt.want {
				t.Errorf("got mode %q, %v; want %q", got.Policy().Mode, err, tt.want)
			}
		})
	}
}

// A rule that cannot be read refuses the call; it is never taken for no rule.
func TestUnreadable(t *testing.T) {
	disk := errors.New("the disk is gone")
	for name, store := range map[string]*stored{
		"store fails":      {err: disk},
		"broken limits":    {policies: map[string]map[string]string{policy.KindLimit: {"user/bob": `{"requests_per_minute":`}}},
		"negative places":  {policies: map[string]map[string]string{policy.KindLimit: {"user/bob": `{"concurrent":-1}`}}},
		"negative limits":  {policies: map[string]map[string]string{policy.KindLimit: {"user/bob": `{"requests_per_minute":-1}`}}},
		"unknown limits":   {policies: map[string]map[string]string{policy.KindLimit: {"user/bob": `{"per_hour":1}`}}},
		"unknown DLP mode": {policies: map[string]map[string]string{policy.KindDLP: {"m": `{"mode":"maybe"}`}}},
	} {
		t.Run(name, func(t *testing.T) {
			book := policy.New(store, defaults())
			_, limits := book.Limits(t.Context(), principal)
			_, rules := book.DLP(t.Context(), org, sallyport.Model{ID: "other"})
			for _, err := range []error{limits, rules} {
				if sallyport.CodeOf(err) != sallyport.Internal {
					t.Errorf("got %v, want an internal error", err)
				}
			}
			store.err, store.policies = nil, nil
			if _, err := book.Limits(t.Context(), principal); err != nil {
				t.Errorf("the failure was kept: %v", err)
			}
		})
	}
}

func TestForget(t *testing.T) {
	store := &stored{}
	book := policy.New(store, defaults())
	read := func() string {
		t.Helper()
		p, err := book.DLP(t.Context(), org, sallyport.Model{ID: "m"})
		if err != nil {
			t.Fatal(err)
		}
		return p.Policy().Mode
	}
	read()
	once := store.reads
	store.policies = map[string]map[string]string{policy.KindDLP: {"": `{"mode":"off"}`}}
	if got := read(); got != dlp.Enforce || store.reads != once {
		t.Errorf("got %q after %d reads, want what is kept", got, store.reads)
	}
	book.Forget()
	if got := read(); got != dlp.Off {
		t.Errorf("got %q after Forget", got)
	}
	// A change while the rules are being read: what was read is not kept.
	book.Forget()
	store.reading = func() {
		store.policies = map[string]map[string]string{policy.KindDLP: {"": `{"mode":"observe"}`}}
		book.Forget()
	}
	read()
	store.reading = nil
	if got := read(); got != dlp.Observe {
		t.Errorf("got %q: rules that were read before a change are kept after it", got)
	}
}

// Who signed in has no key, and does not share the limits of one with all others.
func TestLimits_session(t *testing.T) {
	b := policy.New(none{}, policy.Defaults{Key: policy.Limits{RequestsPerMinute: 1}, User: policy.Limits{RequestsPerMinute: 7}})
	buckets, err := b.Limits(t.Context(), sallyport.Principal{Org: "o", User: "u", Session: "s"})
	if err != nil || len(buckets) != 1 || buckets[0].Scope != "user" {
		t.Errorf("got %+v, %v, want the user's alone", buckets, err)
	}
}

// none has decided nothing.
type none struct{}

func (none) Policies(context.Context, sallyport.OrgID, string) (map[string][]byte, error) {
	return nil, nil
}

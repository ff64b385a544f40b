package store

import (
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/sallyport-ai/sallyport"
)

// term is one thing that a record can be found by, such as its route: a hash of
// what it is and of its value. Two can be equal by chance, so what is found by
// terms is compared with the filter again.
type term int64

// termKind is a member of sallyport.RecordFilter. The numbers are stored, in terms.
type termKind uint64

const (
	termAction termKind = 1 + iota
	termOutcome
	termCode
	termKey
	termModel
	termActor
	termRoute
	termFinding
	termPhase
	termResource
	termRun
)

// termsKnown is written beside every block that is entered: it grows when blocks
// get terms that those before do not have. Blocks with 0 have neither a phase nor
// a resource, and those with 1 no run.
const termsKnown = 2

// kindStep keeps equal values of two kinds apart. It is odd and large, as
// neighbouring values of a good hash are.
const kindStep = 0x9e3779b97f4a7c15

func (k termKind) of(value string) term {
	return term(xxhash.Sum64String(text(value, columnMax)) + uint64(k)*kindStep)
}

// eachTerm calls add with the terms of a record. One that is there twice, such as
// the type of two findings, may come twice.
func eachTerm(r *sallyport.Record, add func(term)) {
	given := func(kind termKind, value string) {
		if value != "" {
			add(kind.of(value))
		}
	}
	given(termAction, r.Action)
	given(termOutcome, r.Outcome)
	given(termCode, string(r.Code))
	given(termKey, string(r.Actor.Key))
	given(termActor, string(r.Actor.User))
	given(termRoute, r.Route)
	given(termPhase, string(r.Phase))
	given(termResource, r.Resource)
	given(termRun, string(r.Run))
	if run, of := strings.CutPrefix(r.Resource, runResource); of && run != string(r.Run) {
		given(termRun, run)
	}
	given(termModel, r.ModelRequested)
	if r.ModelUsed != r.ModelRequested {
		given(termModel, r.ModelUsed)
	}
	if r.DLP != nil {
		eachFinding(r.DLP, func(kind string) { given(termFinding, kind) })
	}
}

// runResource begins the resource of a record about a run.
const runResource = "run/"

// ofRun says whether a record belongs to the run: a step of it, or what was done to it.
func ofRun(r *sallyport.Record, run sallyport.RunID) bool {
	return r.Run == run || r.Resource == runResource+string(run)
}

// eachFinding calls add with the types of what was found. The counts tell the
// direction and the type: of very many findings the first ones are kept.
func eachFinding(d *sallyport.RecordDLP, add func(kind string)) {
	for counted := range d.Counts {
		if _, kind, ok := strings.Cut(counted, ":"); ok {
			add(kind)
		}
	}
	for _, f := range d.Findings {
		add(f.Type)
	}
}

// filterTerms are the terms that every record has which passes the filter, those
// first that few records have.
func filterTerms(f sallyport.RecordFilter) (terms []term) {
	given := func(kind termKind, value string) {
		if value != "" {
			terms = append(terms, kind.of(value))
		}
	}
	given(termRun, string(f.Run))
	given(termResource, f.Resource)
	given(termKey, string(f.Key))
	given(termActor, string(f.Actor))
	given(termFinding, f.Finding)
	given(termCode, string(f.Code))
	given(termOutcome, f.Outcome)
	given(termModel, f.Model)
	given(termRoute, f.Route)
	given(termAction, f.Action)
	given(termPhase, string(f.Phase))
	return terms
}

// olderTerms are those of filterTerms that every block has.
func olderTerms(f sallyport.RecordFilter) []term {
	f.Phase, f.Resource, f.Run = "", "", ""
	return filterTerms(f)
}

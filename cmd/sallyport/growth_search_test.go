package main

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// growthSearch is a search of the trail and what it must find.
type growthSearch struct {
	name   string
	filter sallyport.RecordFilter
	found  []growthHit // by a linear pass: the newest, oldest first
}

// growthHit is a record, and the item of the plan that it tells of.
type growthHit struct {
	seq  int64
	item int
}

// growthOther is the item of records that the plan does not have.
const growthOther = -1

// What searches ask for that is known only when it is written.
const (
	growthLater    = "later"
	growthLaterSeq = 1 << 40
)

// growthSearches are one of each kind. Most ask for what is rare: 1 call of
// 1,000 fails, 1 of 5,000 by a timeout; DLP finds something in 1 of 500; 1 of
// 2,000 is to the rare model; a key makes a few calls in the year, and 1 key of
// 100 belongs to the actor. Keys were made at the far end of the trail.
func growthSearches(p *growthPlan) []*growthSearch {
	summer := p.begin.Add(growthYear / 2)
	return []*growthSearch{
		{name: "no filter"},
		{name: "before", filter: sallyport.RecordFilter{Before: growthLaterSeq}},
		{name: "action", filter: sallyport.RecordFilter{Action: "keys.create"}},
		{name: "outcome", filter: sallyport.RecordFilter{Outcome: sallyport.OutcomeFailure}},
		{name: "code", filter: sallyport.RecordFilter{Code: sallyport.UpstreamTimeout}},
		{name: "key", filter: sallyport.RecordFilter{Key: growthLater}},
		{name: "actor", filter: sallyport.RecordFilter{Actor: p.actor()}},
		{name: "model", filter: sallyport.RecordFilter{Model: growthModels[2]}},
		{name: "route", filter: sallyport.RecordFilter{Route: "GET /v1/models"}},
		{name: "finding", filter: sallyport.RecordFilter{Finding: "EMAIL_ADDRESS"}},
		{name: "call", filter: sallyport.RecordFilter{Call: growthLater}},
		{name: "event", filter: sallyport.RecordFilter{Event: growthLater}},
		{name: "since and until", filter: sallyport.RecordFilter{Since: summer, Until: summer.AddDate(0, 0, 1)}},
		{name: "key and action", filter: sallyport.RecordFilter{Key: growthLater, Action: "chat.completions"}},
		{name: "outcome and model", filter: sallyport.RecordFilter{Outcome: sallyport.OutcomeFailure, Model: growthModels[1]}},
	}
}

// learn tells all searches of something that is known now.
func (g *grown) learn(tell func(*sallyport.RecordFilter)) {
	for _, s := range g.searches {
		tell(&s.filter)
	}
}

// later puts what is known now where it was waited for.
func later[T ~string](field *T, known T) {
	if *field == growthLater {
		*field = known
	}
}

// note is the linear pass: each record goes through it once, in order.
func (g *grown) note(item int, r *sallyport.Record) {
	for _, s := range g.searches {
		if !storetest.Passes(*r, s.filter) {
			continue
		}
		s.found = append(s.found, growthHit{r.Seq, item})
		if len(s.found) > growthPage {
			s.found = s.found[1:]
		}
	}
}

// query is the search as the API takes it.
func (s *growthSearch) query() string {
	f, v := &s.filter, url.Values{"limit": {strconv.Itoa(growthPage)}}
	for name, value := range map[string]string{
		"action": f.Action, "outcome": f.Outcome, "code": string(f.Code), "key": string(f.Key), "actor": string(f.Actor),
		"model": f.Model, "route": f.Route, "finding": f.Finding, "call": string(f.Call), "event": f.Event,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if f.Before > 0 {
		v.Set("before", strconv.FormatInt(f.Before, 10))
	}
	if !f.Since.IsZero() {
		v.Set("since", f.Since.Format(time.RFC3339))
		v.Set("until", f.Until.Format(time.RFC3339))
	}
	return v.Encode()
}

// newest are the records that were found, as a page has them.
func (s *growthSearch) newest() (seqs []int64) {
	for _, hit := range slices.Backward(s.found) {
		seqs = append(seqs, hit.seq)
	}
	return seqs
}

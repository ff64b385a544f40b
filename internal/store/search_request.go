package store

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// requestSlack is how long after its request began a record of it is written, at
// most, unless it is of a call: what a body may take to arrive, and twice that.
const requestSlack = 2 * time.Minute

// requestPrefix is before the UUID in the id of a request.
const requestPrefix = "req_"

// ofRequest finds the few records of a request. Its id tells when it began; its
// calls end later, and are found by their own ids.
func (s *search) ofRequest() error {
	made, of := timeOfID(strings.TrimPrefix(s.filter.Request, requestPrefix))
	since, until := int64(0), int64(0)
	if of {
		since, until = micros(made.Add(-eventSlack)), micros(made.Add(requestSlack))
	}
	calls, err := s.callsOf(s.filter.Request, since, until)
	if err != nil {
		return err
	}
	if err := s.runIn(since, until, of && len(calls) == 0); err != nil {
		return err
	}
	for _, call := range calls {
		of := *s
		of.filter.Call, of.found = call, nil
		of.floor = max(s.floor, s.stopped) // what is before is for the next page
		if err := of.ofCall(); err != nil {
			return err
		}
		s.found = append(s.found, of.found...)
	}
	slices.SortFunc(s.found, func(a, b sallyport.StoredRecord) int { return cmp.Compare(b.Seq, a.Seq) })
	s.found = slices.CompactFunc(s.found, func(a, b sallyport.StoredRecord) bool { return a.Seq == b.Seq })
	s.found = s.found[:min(len(s.found), s.limit)]
	return nil
}

// callsOf lists the calls of a request that began in a time. Where the time is not
// known, everything is read anyway.
func (s *search) callsOf(request string, since, until int64) (calls []sallyport.CallID, err error) {
	if since == 0 {
		return nil, nil
	}
	all := newSearch(s.ctx, s.db, s.org, sallyport.RecordFilter{Request: request})
	if err := all.runIn(since, until, false); err != nil {
		return nil, err
	}
	for _, stored := range all.found {
		var r sallyport.Record
		if json.Unmarshal(stored.Body, &r) == nil && r.Call != "" && !slices.Contains(calls, r.Call) {
			calls = append(calls, r.Call)
		}
	}
	return calls, nil
}

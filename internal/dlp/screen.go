package dlp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Bounds of one call. What is over them is refused, never passed unread.
const (
	TextMax     = 32 << 20 // bytes of text in a request: far over any window, and a second of reading
	FindingsMax = 10_000   // in a request, and in its answer
	TextsMax    = 2_000    // of one answer that is streamed
)

// Screen is a plan at work on one call: its request first, then its answer. It
// is not safe for concurrent use, and it refers to the request's bytes: they must
// not change as long as it is used.
type Screen struct {
	*Plan
	mac   func([]byte) ([]byte, error)
	scope string

	tokens          tokens // made from the request
	flows           map[TextID]stream
	lastID          TextID // the flow that was used last, and its text
	lastFlow        stream
	failed          error // ended the answer
	quiet           bool  // what is judged now was judged and noted before
	findingsIn      int
	findingsOut     int
	result          sallyport.DLPResult
	blockedByPolicy map[string]int
}

// Result tells what was found and done so far.
func (s *Screen) Result() sallyport.DLPResult {
	r := s.result
	r.Findings = slices.Clone(r.Findings)
	r.Counts = maps.Clone(r.Counts)
	return r
}

// place says where a finding is; the name of the field is asked for only when it is kept.
type place struct {
	direction  string
	field      func() string
	start, end int
}

// note counts a finding and lists it while there is room.
func (s *Screen) note(id typeID, value string, at place, do Action) error {
	if s.quiet {
		return nil
	}
	if s.result.Counts == nil {
		s.result.Counts = make(map[string]int)
	}
	s.result.Counts[at.direction+":"+types[id].Name]++
	operator := string(do)
	if s.policy.Mode == Observe {
		operator = Observe
	} else {
		s.result.Action = string(stronger(Action(s.result.Action), do))
	}
	if len(s.result.Findings) >= sallyport.FindingsKept {
		return nil
	}
	mac, err := s.valueHMAC(id, value)
	if err != nil {
		return err
	}
	s.result.Findings = append(s.result.Findings, sallyport.Finding{
		Type: types[id].Name, Direction: at.direction, Field: at.field(),
		Start: at.start, End: at.end, Operator: operator, ValueHMAC: mac,
	})
	return nil
}

// redacted is what stands for a value that is gone for good.
func redacted(id typeID) string { return "[REDACTED:" + types[id].Name + "]" }

// blocked is the refusal that names types and counts, never values.
func blocked(what string, counts map[string]int) error {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d %s", counts[name], name))
	}
	return sallyport.NewError(sallyport.DLPBlocked,
		fmt.Sprintf("%s holds what the data protection policy does not let through: %s.", what, strings.Join(list, ", ")))
}

func tooMuch(what, bound string) error {
	return sallyport.NewError(sallyport.DLPBlocked,
		fmt.Sprintf("%s cannot be checked by the data protection policy: it has more than %s.", what, bound))
}

package dlp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// TextID names one logical text of an answer: deltas with the same id are its pieces.
type TextID struct {
	Choice int
	Kind   llm.DeltaKind
	Index  int
	// Unrestored texts reach the client with their placeholders; see llm.Delta.
	Unrestored bool
}

func (id TextID) field() string {
	kind := map[llm.DeltaKind]string{
		llm.TextDelta: "content", llm.ThinkingDelta: "reasoning", llm.RefusalDelta: "refusal",
		llm.ToolCallDelta: "tool_call", llm.ToolArgumentsDelta: "arguments",
	}[id.Kind]
	return fmt.Sprintf("choices[%d].%s[%d]", id.Choice, kind, id.Index)
}

// stream is a logical text on its way out.
type stream interface {
	push(piece string, last bool) (string, error)
	pending() bool
}

func (f *flow) pending() bool { return f.held() }

func (a *arguments) pending() bool { return a.held() || a.partial != "" }

// Answer takes the next piece of a text of the answer and returns what may go out
// now; with last, all that waits goes out. tool is the name of the tool that
// arguments are for. Values that the policy hides are replaced by "[REDACTED:TYPE]", placeholders of
// this call's request by their values; in arguments only for trusted tools.
//
// What is returned, joined, does not depend on how the text was cut, and no
// returned piece holds a hidden value or a part of one. A value that the policy
// blocks ends the answer with an error; every call after it returns the same error.
func (s *Screen) Answer(id TextID, tool string, piece string, last bool) (emit string, err error) {
	if s.failed != nil {
		return "", s.failed
	}
	if s.policy.Mode == Off || id.Kind == llm.SignatureDelta || s.out.nothing() && len(s.tokens.byToken) == 0 {
		return piece, nil
	}
	text := s.flow(id)
	if len(s.flows) > TextsMax {
		s.failed = tooMuch("The answer", fmt.Sprintf("%d texts at once", TextsMax))
		return "", s.failed
	}
	if a, ok := text.(*arguments); ok {
		a.restores = s.trusts(tool)
	}
	emit, err = text.push(piece, last)
	if err != nil {
		s.failed = err
		return "", err
	}
	if last {
		delete(s.flows, id)
		s.lastFlow = nil
	}
	if s.policy.Mode == Observe {
		return piece, nil
	}
	return emit, nil
}

// Again judges a whole text that was an answer's text before, in pieces: what it
// returns is what the pieces became. Its findings are in the result already and
// are not noted a second time. id tells the kind of the text and tool is as for Answer.
func (s *Screen) Again(id TextID, tool, text string) (emit string, err error) {
	id.Choice = again
	s.quiet = true
	defer func() { s.quiet = false }()
	return s.Answer(id, tool, text, true)
}

// AgainCut is Again for one text that is told in pieces, with or without the space
// between them. A value that goes over from one piece to the next is hidden where it
// begins; what is not hidden stays in its piece.
func (s *Screen) AgainCut(pieces []string) ([]string, error) {
	if s.failed != nil {
		return nil, s.failed
	}
	if s.policy.Mode == Off || s.out.nothing() && len(s.tokens.byToken) == 0 {
		return pieces, nil
	}
	var joined strings.Builder
	starts := make([]int, len(pieces))
	for i, piece := range pieces {
		if i > 0 && !strings.HasSuffix(pieces[i-1], " ") && !strings.HasPrefix(piece, " ") {
			joined.WriteByte(' ')
		}
		starts[i] = joined.Len()
		joined.WriteString(piece)
	}
	var changes []llm.Change
	f := s.newFlow(TextID{Kind: llm.TextDelta}.field)
	f.edit = func(f *flow, h hit) (with string, change bool, err error) {
		if with, change, err = s.editAnswer(f, h); change {
			changes = append(changes, llm.Change{From: h.start, To: h.end, With: with})
		}
		return with, change, err
	}
	s.quiet = true
	defer func() { s.quiet = false }()
	if _, err := f.push(joined.String(), true); err != nil {
		s.failed = err
		return nil, err
	}
	if s.policy.Mode == Observe {
		return pieces, nil
	}
	return changed(pieces, starts, changes), nil
}

// changed are the pieces with changes, whose offsets are those of a text in which the
// pieces begin at starts. Changes stand in order and do not overlap.
func changed(pieces []string, starts []int, changes []llm.Change) []string {
	out := make([]string, len(pieces))
	for i, piece := range pieces {
		from, at := starts[i], 0
		var b strings.Builder
		for len(changes) > 0 && changes[0].From < from+len(piece) {
			c := changes[0]
			if c.From >= from {
				b.WriteString(piece[at : c.From-from])
				b.WriteString(c.With)
			}
			if c.To > from+len(piece) { // it goes on in the next
				at = len(piece)
				break
			}
			at = max(at, c.To-from)
			changes = changes[1:]
		}
		b.WriteString(piece[at:])
		out[i] = b.String()
	}
	return out
}

// again is the choice of texts that are repeated.
const again = -2

// Pending says whether some of a text is held back. In mode observe nothing is.
func (s *Screen) Pending(id TextID) bool {
	text, begun := s.flows[id]
	return begun && s.policy.Mode == Enforce && text.pending()
}

func (s *Screen) trusts(tool string) bool {
	return slices.Contains(s.policy.TrustedTools, tool) || slices.Contains(s.policy.TrustedTools, "*")
}

// flow returns the text of that id, a new one for its first piece.
func (s *Screen) flow(id TextID) stream {
	if s.lastFlow != nil && s.lastID == id {
		return s.lastFlow
	}
	text, begun := s.flows[id]
	if !begun {
		if id.Kind == llm.ToolArgumentsDelta {
			a := &arguments{flow: *s.newFlow(id.field)}
			a.write = a.written
			text = a
		} else {
			f := s.newFlow(id.field)
			f.restores = !id.Unrestored
			text = f
		}
		if s.flows == nil {
			s.flows = make(map[TextID]stream)
		}
		s.flows[id] = text
	}
	s.lastID, s.lastFlow = id, text
	return text
}

func (s *Screen) newFlow(field func() string) *flow {
	return &flow{
		sweep:    sweep{engine: s.engine, wanted: s.out},
		edit:     s.editAnswer,
		field:    field,
		restores: true,
		write:    func(text string) string { return text },
	}
}

// editAnswer decides about one hit of an answer.
func (s *Screen) editAnswer(f *flow, h hit) (with string, change bool, err error) {
	value := f.text[h.start:h.end]
	if h.id == typePlaceholder {
		return s.restore(f, value)
	}
	if s.allow[value] {
		return "", false, nil
	}
	do := s.outDo[h.id]
	if do == Tokenize { // nothing would turn it back
		do = Redact
	}
	at := place{"out", f.field, f.base + h.start, f.base + h.end}
	if err := s.note(h.id, value, at, do); err != nil {
		return "", false, err
	}
	if !s.quiet {
		s.findingsOut++
	}
	if s.findingsOut > FindingsMax && s.policy.Mode == Enforce {
		return "", false, tooMuch("The answer", fmt.Sprintf("%d findings", FindingsMax))
	}
	if do == Block && s.policy.Mode == Enforce {
		return "", false, blocked("The answer", map[string]int{types[h.id].Name: 1})
	}
	return f.write(redacted(h.id)), true, nil
}

// restore gives the value of a placeholder that this screen made.
func (s *Screen) restore(f *flow, placeholder string) (with string, change bool, err error) {
	if !f.restores {
		return "", false, nil
	}
	value, ours := s.tokens.byToken[canonical(placeholder)]
	if !ours {
		if !s.quiet {
			s.result.RestoreMissed++
		}
		return "", false, nil
	}
	return f.write(value), true, nil
}

// Bytes judges a provider's error body as an answer is judged, each string of it
// for itself when it is JSON. It returns b itself when nothing was changed.
func (s *Screen) Bytes(b []byte) ([]byte, error) {
	if s.policy.Mode == Off || s.out.nothing() && len(s.tokens.byToken) == 0 {
		return b, nil
	}
	doc, err := llm.Parse(b)
	if err != nil {
		text, err := s.whole(string(b), func() string { return "error" })
		if err != nil || text == string(b) || s.policy.Mode == Observe {
			return b, err
		}
		return []byte(text), nil
	}
	var failed error
	var patches []llm.Patch
	doc.Root().Scalars(func(v llm.Value, _ bool) bool {
		old := v.Text()
		if v.Kind() == llm.Number {
			old = string(v.Raw())
		}
		text, err := s.whole(old, v.Path)
		if err != nil {
			failed = err
			return false
		}
		switch {
		case text == old || s.policy.Mode == Observe:
		case v.Kind() == llm.Number:
			patches = append(patches, llm.Replace(v, llm.Quote(text)))
		default:
			v.SetText(text)
		}
		return true
	})
	if failed != nil {
		return nil, failed
	}
	return doc.Encode(patches...), nil
}

// whole judges a text that is there as a whole.
func (s *Screen) whole(text string, field func() string) (string, error) {
	return s.newFlow(field).push(text, true)
}

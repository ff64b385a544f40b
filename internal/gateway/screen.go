package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// screen applies the DLP policy of the organisation and the caller's groups to
// what goes out and to what comes back. Nothing is sent before the whole request was judged; no text is
// released while it could still become part of something that policy hides.
func (g *Gateway) screen(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		plan, err := g.parts.Policies.DLPFor(ctx, call.Principal, call.candidates...)
		if err != nil {
			return err
		}
		mac, err := g.parts.Keys.MACer(ctx, call.Principal.Org, secret.DLPToken)
		if err != nil {
			return err
		}
		scr := plan.Screen(mac, tokenScope(call))
		defer func() { call.DLP = scr.Result() }()
		retold, err := judgeRequest(call, call.Request.Body, scr)
		call.DLP = scr.Result() // the intent tells it too
		if err != nil {
			return err
		}
		if retold {
			call.Request.InputTokens = 0
		}
		if body := call.Request.Body; body.Changed() { // what replaces a value may be longer
			call.changed = int64(len(body.Encode()))
			call.bound = g.bound(call, call.Model)
		}
		if call.kept, err = g.keep(ctx, call, plan, mac); err != nil {
			return err
		}
		answer := screened{call: call, screen: scr, out: out}
		err = answer.finish(next(ctx, call, answer.push))
		call.kept.end(err == nil)
		return g.screenRefusal(scr, err)
	}
}

// judgeRequest has scr judge and edit a body: that of the request, or a clone of it. retold says
// that what stood there as tokens is texts now.
func judgeRequest(call *Call, body *llm.Document, scr *dlp.Screen) (retold bool, err error) {
	req := call.Request
	if err := scr.Request(body, dialect.Opaque(req.Dialect), req.Signed...); err != nil || !req.Tokens.Exists() {
		return false, err
	}
	return judgeTokens(req.Tokens.In(body), encodingOf(call.candidates), scr)
}

// tokenScope says where equal values get equal placeholders: in a conversation
// that the client named, else in all that the key's owner sends.
func tokenScope(call *Call) string {
	if call.Request.Session != "" {
		return "session/" + call.Request.Session
	}
	return "user/" + string(call.Principal.User)
}

// screenRefusal passes a provider's own error text through the answer's rules.
func (g *Gateway) screenRefusal(scr *dlp.Screen, err error) error {
	var refused *llm.UpstreamError
	if !errors.As(err, &refused) {
		return err
	}
	body, serr := scr.Bytes(refused.Body)
	if serr != nil {
		return serr
	}
	refused.Body = body
	return err
}

// screened is the answer's way through the screen. Each text of the answer (a
// choice's content, its reasoning, the arguments of one tool call) is one
// stream of its own.
type screened struct {
	call   *Call
	screen *dlp.Screen
	out    llm.Sink
	// held has, for each text of which something is held back, the event that
	// its rest will go out in.
	held      map[dlp.TextID]*llm.Event
	tokens    map[dlp.TextID]*tokens
	heldBytes int                   // of the bodies of those that wait there and there
	tools     map[dlp.TextID]string // names of the tool calls that have begun
	place     []string              // room for others
}

// Bounds of what is remembered of one answer: calls of tools, and as many texts with
// log-probabilities, the bytes of a tool's name and of the events that what is held
// back will go out in. No model comes near; a broken or hostile provider, whose stream
// need not end, must not come further.
const (
	callsMax    = 20_000
	toolNameMax = 4 << 10
	heldMax     = 64 << 20
)

var errTooLong = sallyport.NewError(sallyport.UpstreamInvalid, "The provider's answer cannot be used: it begins more texts and calls than any model.")

// push passes one event on, one out for one in. An event whose text is held
// back goes out with empty text; what is held goes out at the end of its choice.
func (s *screened) push(e *llm.Event) error {
	s.call.kept.take(e)
	if e.Kind == llm.DoneEvent {
		if err := s.flush(func(dlp.TextID) bool { return true }); err != nil {
			return err
		}
	}
	if err := s.others(e); err != nil {
		return err
	}
	if s.tellsTokens(e) {
		return s.token(e)
	}
	edited := false
	final := finals(e)
	for i, d := range e.Deltas {
		ended := e.Kind != llm.ChunkEvent || ends(e, d.Choice) || slices.Contains(e.Closed, d.Index)
		changed, err := s.delta(d, ended && (final == nil || final[textID(d)] == i))
		if err != nil {
			return err
		}
		edited = edited || changed
	}
	for _, d := range e.Repeats {
		changed, err := s.repeat(d)
		if err != nil {
			return err
		}
		edited = edited || changed
	}
	if edited {
		for _, v := range e.Logprobs {
			v.Clear() // their tokens would repeat what was hidden
		}
	}
	for _, texts := range e.Cuts {
		if err := s.cut(texts); err != nil {
			return err
		}
	}
	if e.Kind == llm.DoneEvent {
		return s.out(e)
	}
	if err := s.keep(e); err != nil {
		return err
	}
	e.Thought = e.Dialect == llm.Chat && s.thought(e)
	if len(e.Finishes)+len(e.Closed) > 0 {
		if err := s.flush(func(id dlp.TextID) bool { return ends(e, id.Choice) || slices.Contains(e.Closed, id.Index) }); err != nil {
			return err
		}
	}
	return s.out(e)
}

// finals tells, of an event with several pieces, which is the last of each text: a
// text that ends with the event does not end with its first piece in it. It is nil
// where each piece is a text for itself.
func finals(e *llm.Event) map[dlp.TextID]int {
	if len(e.Deltas) < 2 {
		return nil
	}
	last := make(map[dlp.TextID]int, len(e.Deltas))
	for i, d := range e.Deltas {
		if d.Text.Exists() {
			last[textID(d)] = i
		}
	}
	return last
}

// others judges the strings of an event that are no piece of a text: names of
// tools, citations, transcripts, what the dialect has no word for. The client
// gets them as they came, so each is judged, as a whole.
func (s *screened) others(e *llm.Event) error {
	if e.Dialect != s.call.Request.Dialect {
		return s.names(e) // what is built from the meaning has nothing else
	}
	if e.Body == nil {
		return nil
	}
	o := otherStrings{
		screened: s, event: e, opaque: dialect.Opaque(e.Dialect), place: s.place[:0],
		pieces: membersOf(e.Deltas), repeats: membersOf(e.Repeats), cuts: cutsOf(e),
	}
	err := o.look(e.Body.Root(), llm.TextDelta)
	s.place = o.place
	return err
}

// names judges the names of tools: an answer that is built has them too.
func (s *screened) names(e *llm.Event) error {
	o := otherStrings{screened: s, event: e}
	for _, d := range e.Deltas {
		if d.ToolName.Exists() {
			if err := o.text(d.ToolName, llm.ToolArgumentsDelta); err != nil {
				return err
			}
		}
	}
	return nil
}

// noChoice is the place of strings that belong to no text.
const noChoice = -1

// otherStrings is the walk over one event.
type otherStrings struct {
	*screened
	event  *llm.Event
	opaque func(place []string) bool
	place  []string

	pieces, repeats members
	cuts            map[llm.Value]bool // are judged together
}

// members tells the values that are texts of an event. They are asked for each
// value of it, and a provider may send an event of a hundred thousand texts.
type members struct {
	few  []llm.Delta
	many map[llm.Value]bool // in place of few
}

// fewMax is how many texts are sooner compared than found in a map.
const fewMax = 8

func membersOf(deltas []llm.Delta) members {
	if len(deltas) <= fewMax {
		return members{few: deltas}
	}
	many := make(map[llm.Value]bool, len(deltas))
	for _, d := range deltas {
		many[d.Text.Origin()] = true
	}
	return members{many: many}
}

// cutsOf is nil where an event has none, as nearly all.
func cutsOf(e *llm.Event) (cuts map[llm.Value]bool) {
	for _, texts := range e.Cuts {
		if cuts == nil {
			cuts = make(map[llm.Value]bool, len(texts))
		}
		for _, v := range texts {
			cuts[v] = true
		}
	}
	return cuts
}

func (m members) have(v llm.Value) bool {
	if m.many != nil {
		return m.many[v]
	}
	for i := range m.few {
		if m.few[i].Text.Origin() == v {
			return true
		}
	}
	return false
}

func (o *otherStrings) look(v llm.Value, kind llm.DeltaKind) (err error) {
	if o.pieces.have(v) { // it is judged as a piece of its text
		return nil
	}
	switch v.Kind() {
	case llm.Object:
		if o.event.Dialect == llm.Responses && strings.HasSuffix(v.Get("type").Text(), "_call") {
			kind = llm.ToolArgumentsDelta // values come back to trusted tools alone
		}
		v.Members(func(key, member llm.Value) bool {
			err = o.member(key.Text(), member, kind)
			return err == nil
		})
	case llm.Array:
		v.Items(func(_ int, item llm.Value) bool {
			err = o.look(item, kind)
			return err == nil
		})
	case llm.String:
		return o.text(v, kind)
	}
	return err
}

func (o *otherStrings) member(name string, v llm.Value, kind llm.DeltaKind) error {
	o.place = append(o.place, name)
	defer func() { o.place = o.place[:len(o.place)-1] }()
	switch {
	case name == "logprobs" && slices.Contains(o.event.Logprobs, v): // they are cleared where they must
		return nil
	case v.Kind() == llm.String && o.opaque(o.place):
		return nil
	case name == "tool_calls", name == "function_call", name == "input": // values come back to trusted tools alone
		kind = llm.ToolArgumentsDelta
	}
	return o.look(v, kind)
}

func (o *otherStrings) text(v llm.Value, kind llm.DeltaKind) error {
	text := v.Text()
	if text == "" || o.repeats.have(v) || o.cuts[v] {
		return nil
	}
	id := dlp.TextID{Choice: noChoice, Kind: kind}
	var emit string
	var err error
	if o.event.Again {
		emit, err = o.screen.Again(id, "", text)
	} else {
		emit, err = o.screen.Answer(id, "", text, true)
	}
	if err != nil {
		return err
	}
	v.SetText(emit)
	return nil
}

// ends says whether e ends the choice: its texts will not go on.
func ends(e *llm.Event, choice int) bool {
	return slices.ContainsFunc(e.Finishes, func(f llm.Finish) bool { return f.Choice == choice })
}

// delta feeds one piece to its text's stream and puts what may go out in its place.
func (s *screened) delta(d llm.Delta, last bool) (changed bool, err error) {
	id := textID(d)
	if d.ToolName.Exists() {
		if s.tools == nil {
			s.tools = make(map[dlp.TextID]string)
		}
		name := d.ToolName.Text()
		if len(s.tools) == callsMax || len(name) > toolNameMax {
			return false, errTooLong
		}
		s.tools[id] = strings.Clone(name) // the event's bytes are used again for the next
	}
	if !d.Text.Exists() || d.Kind == llm.SignatureDelta {
		return false, nil
	}
	w := s.tokens[id]
	if w != nil { // what may go out of earlier events goes out before this piece
		if err := s.strip(w); err != nil {
			return false, err
		}
	}
	piece := d.Text.Text()
	emit, err := s.screen.Answer(id, s.tools[id], piece, last)
	if err != nil {
		return false, err
	}
	if w != nil {
		w.adrift = s.screen.Pending(id)
	}
	s.call.DeliveredChars += int64(utf8.RuneCountInString(emit))
	if emit == piece {
		return false, nil
	}
	d.Text.SetText(emit)
	return true, nil
}

// repeat puts into the place of a whole text what its pieces have become.
func (s *screened) repeat(d llm.Delta) (changed bool, err error) {
	text := d.Text.Text()
	emit, err := s.screen.Again(textID(d), s.tools[textID(d)], text)
	if err != nil || emit == text {
		return false, err
	}
	d.Text.SetText(emit)
	return true, nil
}

// cut judges texts that are one, cut up.
func (s *screened) cut(texts []llm.Value) error {
	pieces := make([]string, len(texts))
	for i, v := range texts {
		pieces[i] = v.Text()
	}
	pieces, err := s.screen.AgainCut(pieces)
	if err != nil {
		return err
	}
	for i, v := range texts {
		v.SetText(pieces[i])
	}
	return nil
}

func textID(d llm.Delta) dlp.TextID {
	kind := d.Kind
	if kind == llm.ToolCallDelta { // its name comes first, its arguments follow
		kind = llm.ToolArgumentsDelta
	}
	return dlp.TextID{Choice: d.Choice, Kind: kind, Index: d.Index, Unrestored: d.Unrestored}
}

// thought says that e has something else than thinking, and that nothing is held of that.
func (s *screened) thought(e *llm.Event) bool {
	return s.held[dlp.TextID{Kind: llm.ThinkingDelta}] == nil && slices.ContainsFunc(e.Deltas, func(d llm.Delta) bool {
		return d.Choice == 0 && (d.Kind == llm.TextDelta || d.Kind == llm.RefusalDelta || d.Kind == llm.ToolCallDelta)
	})
}

// keep remembers, for each text that now waits, an event to send its rest in.
func (s *screened) keep(e *llm.Event) error {
	for _, d := range e.Deltas {
		id := textID(d)
		if !d.Text.Exists() { // a call that begins once more takes nothing away
			continue
		}
		s.drop(id)
		if !s.screen.Pending(id) {
			continue
		}
		if s.held == nil {
			s.held = make(map[dlp.TextID]*llm.Event)
		}
		if s.heldBytes += len(e.Body.Raw()); s.heldBytes > heldMax {
			return errTooLong
		}
		s.held[id] = e.Clone()
	}
	return nil
}

// drop forgets the event that the rest of a text was to go out in.
func (s *screened) drop(id dlp.TextID) {
	if e := s.held[id]; e != nil {
		s.heldBytes -= len(e.Body.Raw())
		delete(s.held, id)
	}
}

// flush sends what is held of the texts that match. Each goes out in a copy of
// the last event that carried it, with the rest of that event emptied.
func (s *screened) flush(match func(dlp.TextID) bool) error {
	var ready []dlp.TextID
	for id := range s.held {
		if match(id) {
			ready = append(ready, id)
		}
	}
	for id, w := range s.tokens {
		switch {
		case !match(id):
		case len(w.events) == 0:
			delete(s.tokens, id)
		case s.held[id] == nil:
			ready = append(ready, id)
		}
	}
	slices.SortFunc(ready, compareTexts)
	for _, id := range ready {
		e := s.held[id]
		s.drop(id)
		rest, err := s.screen.Answer(id, s.tools[id], "", true)
		if err != nil {
			return err
		}
		if w := s.tokens[id]; w != nil {
			if err := s.allow(id, w, rest, true); err != nil {
				return err
			}
			continue
		}
		if rest == "" {
			continue
		}
		s.call.DeliveredChars += int64(utf8.RuneCountInString(rest))
		if err := s.out(carrier(e, id, rest)); err != nil {
			return err
		}
	}
	return nil
}

func compareTexts(a, b dlp.TextID) int {
	return cmp.Or(cmp.Compare(a.Choice, b.Choice), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Index, b.Index))
}

// carrier makes of a sent event one that carries the text and nothing twice.
func carrier(e *llm.Event, id dlp.TextID, rest string) *llm.Event {
	for _, d := range e.Deltas {
		if d.ToolName.Exists() { // the tool call has begun, it must not begin again
			d.ToolID.SetNull()
			d.ToolName.SetNull()
		}
		switch {
		case !d.Text.Exists():
		case textID(d) == id:
			d.Text.SetText(rest)
			rest = "" // the event may have several pieces of the text
		default:
			d.Text.SetText("")
		}
	}
	for _, v := range e.Logprobs {
		v.Clear()
	}
	e.Finishes, e.Closed, e.Repeats, e.Thought = nil, nil, nil, false
	return e
}

// finish ends the answer: an answer that failed on the way gives out what it
// still holds, scanned to its end; one that policy stopped gives out nothing more.
func (s *screened) finish(err error) error {
	if err == nil || sallyport.CodeOf(err) == sallyport.DLPBlocked {
		return err
	}
	if ferr := s.flush(func(dlp.TextID) bool { return true }); ferr != nil && sallyport.CodeOf(ferr) == sallyport.DLPBlocked {
		return ferr
	}
	return err
}

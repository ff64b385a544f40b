package dlp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// nestedMax is how deep JSON is looked for in strings of JSON.
const nestedMax = 4

// memberValueMax is the length up to which a value is read with its member's
// name before it, as in {"phone": "4155550132"}.
const memberValueMax = 64

// Request judges and edits a request. Every string of the body is looked at, keys
// included; strings at a place that opaque names are not, as far as they are sealed; nor are images, sounds
// and films as data: URIs. A place is the names of the members that lead to it,
// arrays left out; it is valid until opaque returns. opaque may be nil. A string that is JSON
// is looked at as such and stays valid JSON. Numbers of the body are looked at for
// cards, which cannot be hidden there and block. A value that goes over from
// one text part of a message to the next is found. signed are strings of doc that
// nobody may edit: what is to be hidden there blocks.
//
// The error is DLPBlocked for what the policy does not let through and for what
// cannot be judged; the document is of no use then.
func (s *Screen) Request(doc *llm.Document, opaque func(place []string) bool, signed ...llm.Value) error {
	if s.policy.Mode == Off {
		return nil
	}
	r := request{screen: s, doc: doc, opaque: opaque, signed: make(map[int]bool, len(signed))}
	for _, v := range signed { // by place: doc may be a copy
		r.signed[v.Offset()] = true
	}
	r.sweep = sweep{engine: s.engine, wanted: s.in}
	if err := r.value(doc.Root(), ""); err != nil {
		return err
	}
	if len(s.blockedByPolicy) > 0 {
		return blocked("The request", s.blockedByPolicy)
	}
	return nil
}

// request is the walk over one document: a body, or the JSON in a string of it.
type request struct {
	screen  *Screen
	doc     *llm.Document
	opaque  func(place []string) bool
	place   []string     // of the value that is being looked at
	signed  map[int]bool // offsets of strings that nobody may edit
	fixed   bool         // what is being looked at is within such a string
	loose   bool         // it is within the arguments of a tool, where a number may become a string
	outer   *request     // the walk that found this document in a string
	outerAt llm.Value
	depth   int
	patches []llm.Patch // numbers of nested JSON that became strings
	sweep   sweep
	shared  map[int][]change // parts of values that several texts share, by the texts' offsets
	bytes   int              // of text; counted by the outermost walk
}

// change is an edit of a text; its finding is noted already.
type change struct {
	hit
	with string
}

func (r *request) value(v llm.Value, member string) error {
	switch v.Kind() {
	case llm.Object:
		return r.object(v)
	case llm.Array:
		return r.array(v, member)
	case llm.String:
		return r.text(v, member)
	case llm.Number:
		return r.number(v, member)
	}
	return nil
}

// idMax is how long an id, a name of a model or a cache key may be that is not read.
const idMax = 256

// sealed says whether v, at the place of the walk, is what an opaque place is for:
// an id or an enum, of a bounded length and without a space or an @ in it, or base64.
// What has another form is text, wherever it stands, and is read.
func (r *request) sealed(v llm.Value) bool {
	if v.Kind() != llm.String || r.opaque == nil || !r.opaque(r.place) {
		return false
	}
	raw := v.Raw()
	raw = raw[1 : len(raw)-1] // without the quotes; an escape has no place in either
	letters := &idLetters
	if len(raw) > idMax {
		letters = &base64Letters
	}
	for _, c := range raw {
		if !letters[c] {
			return false
		}
	}
	return true
}

var (
	base64Letters = lettersOf("+/=-_")
	idLetters     = lettersOf("+/=-_.:,|#~%$!*()[]")
)

// lettersOf are the letters and digits of ASCII, and more.
func lettersOf(more string) (set [256]bool) {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, c := range []byte(plain + more) {
		set[c] = true
	}
	return set
}

func (r *request) object(v llm.Value) (err error) {
	v.Members(func(key, value llm.Value) bool {
		name := key.Text()
		if err = r.plain(key, ""); err != nil {
			return false
		}
		r.place = append(r.place, name)
		switch {
		case r.sealed(value):
		case name == "data" && isFile(v, value):
			err = r.file(v, value)
		case name == "input" && v.Get("type").Text() == "tool_use": // text of JSON in other dialects
			before := r.loose
			r.loose = true
			err = r.value(value, name)
			r.loose = before
		default:
			err = r.value(value, name)
		}
		r.place = r.place[:len(r.place)-1]
		return err == nil
	})
	return err
}

func (r *request) array(v llm.Value, member string) (err error) {
	var texts []llm.Value // of the parts that follow each other
	v.Items(func(_ int, item llm.Value) bool {
		text := item.Get("text")
		if text.Kind() == llm.String {
			texts = append(texts, text)
			return true
		}
		err = r.adjacent(texts)
		texts = texts[:0]
		return err == nil
	})
	if err == nil {
		err = r.adjacent(texts)
	}
	if err != nil {
		return err
	}
	v.Items(func(_ int, item llm.Value) bool {
		err = r.value(item, member)
		return err == nil
	})
	return err
}

// mediaMembers are the names under which dialects tell the type of the file whose
// bytes stand beside it, under data.
var mediaMembers = []string{"media_type", "mime_type", "mimeType"}

// isFile tells, of the member data of an object, bytes of a file in base64. What
// says that it is text, or is not base64, is judged as text.
func isFile(object, data llm.Value) bool {
	return mediaType(object) != "" && object.Get("type").Text() != "text" && base64Body.onlyOf(data.Text())
}

func mediaType(object llm.Value) string {
	for _, name := range mediaMembers {
		if media := object.Get(name).Text(); media != "" {
			return media
		}
	}
	return ""
}

func (r *request) file(object, data llm.Value) error {
	if data.Text() == "" || isMediaType(strings.ToLower(mediaType(object))) {
		return nil
	}
	return r.unreadable(data)
}

// text judges a string that is a value.
func (r *request) text(v llm.Value, member string) error {
	if r.signed[v.Offset()] {
		r.fixed = true
		defer func() { r.fixed = false }()
	}
	text := v.Text()
	switch {
	case text == "":
		return nil
	case member == "file_data": // whatever it says of itself: who reads it may go by its name
		return r.unreadable(v)
	case isMedia(text):
		if r.depth == 0 && addressMembers[member] {
			return nil
		}
		return r.plain(v, member) // said where it can be read, it is text
	case isDataURI(text):
		return r.unreadable(v)
	}
	if r.depth < nestedMax && looksLikeJSON(text) {
		if inner, err := llm.Parse([]byte(text)); err == nil {
			return r.nested(v, inner)
		}
	}
	return r.plain(v, member)
}

// addressMembers are the names under which the APIs take media by their bytes.
// Anywhere else a model reads the text of a data: URI, and so does the screen.
var addressMembers = map[string]bool{"image_url": true, "video_url": true, "audio_url": true, "url": true}

func (r *request) unreadable(v llm.Value) error {
	return r.screen.Unreadable("The file in "+r.path(v), "")
}

// Unreadable judges what carries text that nobody here can read, and may say why. The error
// is DLPBlocked where the policy lets nothing through unread.
func (s *Screen) Unreadable(what, why string) error {
	if s.policy.Unreadable == UnreadableAllow {
		return nil
	}
	return s.Unread(what, why)
}

// Unread judges what carries text that could be read and was not, because it is over a
// bound or not what it should be: Policy.Unreadable does not let it through. The error is
// DLPBlocked where the policy enforces.
func (s *Screen) Unread(what, why string) error {
	if s.policy.Mode != Enforce {
		return nil
	}
	s.result.Action = string(Block)
	if why != "" {
		why = ": " + why
	}
	return sallyport.NewError(sallyport.DLPBlocked, what+" cannot be checked by the data protection policy"+why+".")
}

// nested judges the JSON that stands in the string v.
func (r *request) nested(v llm.Value, doc *llm.Document) error {
	inner := request{screen: r.screen, doc: doc, outer: r, outerAt: v, depth: r.depth + 1, fixed: r.fixed, sweep: r.sweep}
	inner.sweep.hits, inner.sweep.opens = nil, nil
	if err := inner.value(doc.Root(), ""); err != nil {
		return err
	}
	if doc.Changed() || len(inner.patches) > 0 {
		v.SetText(string(doc.Encode(inner.patches...)))
	}
	return nil
}

// plain judges a string as text and edits it.
func (r *request) plain(v llm.Value, member string) error {
	text := v.Text()
	if err := r.count(len(text)); err != nil {
		return err
	}
	changes := slices.Clone(r.shared[v.Offset()])
	fixed := len(changes)
	for _, h := range r.find(text, member) {
		if slices.ContainsFunc(changes[:fixed], func(c change) bool { return h.start < c.end && c.start < h.end }) {
			continue
		}
		with, err := r.decide(h, text[h.start:h.end], place{"in", func() string { return r.path(v) }, h.start, h.end})
		if err != nil {
			return err
		}
		if with != "" {
			changes = append(changes, change{h, with})
		}
	}
	if len(changes) == 0 || r.screen.policy.Mode != Enforce {
		return nil
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.start, b.start) })
	splices := make([]llm.Change, len(changes))
	for i, c := range changes {
		splices[i] = llm.Change{From: c.start, To: c.end, With: c.with}
	}
	v.Splice(splices)
	return nil
}

// find returns what is to be edited in text.
func (r *request) find(text, member string) []hit {
	if member == "" || len(text) > memberValueMax || !hasDigits(text, digitsMin) {
		return resolve(r.scan(text))
	}
	before := member + ": "
	hits := r.scan(before + text)
	kept := hits[:0]
	for _, h := range hits {
		if h.start >= len(before) {
			h.start -= len(before)
			h.end -= len(before)
			kept = append(kept, h)
		}
	}
	return resolve(kept)
}

func hasDigits(text string, n int) bool {
	for i := 0; i < len(text) && n > 0; i++ {
		if isDigit(text[i]) {
			n--
		}
	}
	return n == 0
}

// scan returns the hits of text, without the values that the policy allows. The
// result is used up before the next scan.
func (r *request) scan(text string) []hit {
	r.sweep.text, r.sweep.hits, r.sweep.blockEnd = text, r.sweep.hits[:0], 0
	r.sweep.advance(0)
	if len(r.screen.allow) == 0 {
		return r.sweep.hits
	}
	return slices.DeleteFunc(r.sweep.hits, func(h hit) bool { return r.screen.allow[text[h.start:h.end]] })
}

// decide notes a hit and returns what stands for its value; "" leaves it.
func (r *request) decide(h hit, value string, at place) (with string, err error) {
	s := r.screen
	if h.id == typePlaceholder {
		return "", nil
	}
	do := s.inDo[h.id]
	if r.fixed {
		do = Block
	}
	if err := s.note(h.id, value, at, do); err != nil {
		return "", err
	}
	if s.policy.Mode != Enforce {
		return "", nil
	}
	if s.findingsIn++; s.findingsIn > FindingsMax {
		s.result.Action = string(Block)
		return "", tooMuch("The request", fmt.Sprintf("%d findings", FindingsMax))
	}
	switch do {
	case Block:
		if s.blockedByPolicy == nil {
			s.blockedByPolicy = make(map[string]int)
		}
		s.blockedByPolicy[types[h.id].Name]++
		return "", nil
	case Tokenize:
		return s.token(h.id, value)
	}
	return redacted(h.id), nil
}

// number judges a number. In a body a card there blocks: a number cannot be
// hidden and stay one. In JSON within a string, and in the arguments of a tool, it
// becomes a string.
func (r *request) number(v llm.Value, member string) error {
	if r.outer != nil || r.loose {
		return r.nestedNumber(v, member)
	}
	n, whole := v.Int()
	if !whole || !r.screen.in.types[typeCard] {
		return nil
	}
	digits := fmt.Sprint(n)
	if len(digits) > cardPlainMax || !isCard(digits) || r.screen.allow[digits] {
		return nil
	}
	s := r.screen
	if err := s.note(typeCard, digits, place{"in", func() string { return r.path(v) }, 0, len(digits)}, Block); err != nil {
		return err
	}
	if s.policy.Mode == Enforce {
		if s.blockedByPolicy == nil {
			s.blockedByPolicy = make(map[string]int)
		}
		s.blockedByPolicy[types[typeCard].Name]++
	}
	return nil
}

func (r *request) nestedNumber(v llm.Value, member string) error {
	digits := string(v.Raw())
	for _, h := range r.find(digits, member) {
		if h.start != 0 || h.end != len(digits) {
			continue
		}
		with, err := r.decide(h, digits, place{"in", func() string { return r.path(v) }, 0, len(digits)})
		if err != nil {
			return err
		}
		switch {
		case with == "":
		case r.outer == nil: // who writes the request in another dialect sees it too
			v.SetText(with)
		default:
			r.patches = append(r.patches, llm.Replace(v, llm.Quote(with)))
		}
	}
	return nil
}

// count adds to the text of the request and refuses what is too much. Observing
// never refuses.
func (r *request) count(n int) error {
	for r.outer != nil {
		r = r.outer
	}
	if r.bytes += n; r.bytes > TextMax && r.screen.policy.Mode == Enforce {
		r.screen.result.Action = string(Block)
		return tooMuch("The request", fmt.Sprintf("%d MiB of text", TextMax>>20))
	}
	return nil
}

// path names the place of v, through the strings that its document stands in.
func (r *request) path(v llm.Value) string {
	if r.outer == nil {
		return v.Path()
	}
	return strings.Trim(r.outer.path(r.outerAt)+"."+v.Path(), ".")
}

func looksLikeJSON(text string) bool {
	text = strings.Trim(text, " \t\r\n")
	if len(text) < 2 {
		return false
	}
	first, last := text[0], text[len(text)-1]
	return first == '{' && last == '}' || first == '[' && last == ']'
}

// dataURI takes a data: URI apart; ok is false for text that only begins like one.
func dataURI(text string) (media, payload string, ok bool) {
	const headMax = 128
	if len(text) < 5 || !strings.EqualFold(text[:5], "data:") {
		return "", "", false
	}
	head, _, ok := strings.Cut(clip(text, headMax), ",")
	if !ok || !strings.HasSuffix(strings.ToLower(head), ";base64") {
		return "", "", false
	}
	return strings.ToLower(head[5:]), text[len(head)+1:], true
}

// isMedia tells images, sounds and films. What claims to be one and is not
// base64 is text.
func isMedia(text string) bool {
	media, payload, ok := dataURI(text)
	if !ok {
		return false
	}
	return isMediaType(media) && base64Body.onlyOf(payload)
}

func isMediaType(media string) bool {
	for _, kind := range []string{"image/", "audio/", "video/"} {
		if strings.HasPrefix(media, kind) {
			return true
		}
	}
	return false
}

// isDataURI tells files that cannot be read. Media that are not base64 count too.
func isDataURI(text string) bool {
	_, _, ok := dataURI(text)
	return ok
}

var base64Body = newCharset("a-zA-Z0-9+/=_\r\n-")

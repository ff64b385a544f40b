package responses

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Turn is what is stored of a response: what was asked in it, as the client wrote
// it, and what the client saw.
type Turn struct {
	Input    json.RawMessage `json:"input"` // a text or items
	Response json.RawMessage `json:"response"`
	// Thread is the conversation that it belongs to, "" for none, and Told the number
	// of the last of its items that the model was told before Input. They are kept
	// there, and whoever reads the turn puts those that are left into Before.
	Thread string `json:"thread,omitempty"`
	Told   int64  `json:"told,omitempty"`
	Before []Item `json:"-"`
}

// InputOf is the JSON of what req itself says, without any change made since.
func InputOf(req *llm.Request) []byte { return req.Body.Root().Get("input").Raw() }

// Follow returns the body of req as if the client had sent all that was said
// before itself: the turns' inputs and outputs, then its own input. Reasoning is
// left out where it is not there in its encrypted form: its text alone is nothing
// that a provider takes back. The error means that a turn cannot be read.
func Follow(req *llm.Request, turns []Turn) ([]byte, error) {
	var items []llm.Value
	add := func(_ string, item llm.Value) { items = append(items, item) }
	for _, t := range turns {
		for _, before := range t.Before {
			doc, err := llm.Parse(before.JSON)
			if err != nil {
				return nil, err
			}
			add("before", doc.Root())
		}
		if err := t.items(add); err != nil {
			return nil, err
		}
	}
	return preceded(req, allReplayed(items), "previous_response_id")
}

// Background says whether the response is or was made in the background, and
// whether that goes on.
func (t Turn) Background() (is, underWay bool, err error) {
	doc, err := llm.Parse(t.Response)
	if err != nil {
		return false, false, err
	}
	is = doc.Root().Get("background").Kind() == llm.True
	return is, is && doc.Root().Get("status").Text() == "in_progress", nil
}

// Over returns the turn whose response, under way until now, has ended so.
func (t Turn) Over(end State) (Turn, error) {
	doc, err := llm.Parse(t.Response)
	if err != nil {
		return t, err
	}
	patches := []llm.Patch{llm.Replace(doc.Root().Get("status"), llm.Quote(end.Status))}
	if end.Failure != nil {
		patches = append(patches, llm.Replace(doc.Root().Get("error"), wire.Marshal(newError(*end.Failure))))
	}
	if end.Usage != nil { // one that is under way has none
		used := llm.Field{Name: "usage", JSON: wire.Marshal(newUsage(*end.Usage))}
		patches = append(patches, llm.Reshape(doc.Root(), nil, []llm.Field{used})...)
	}
	t.Response = doc.Encode(patches...)
	return t, nil
}

// reference is the id of a stored item that stands for the item itself; "": v is
// no reference.
func reference(v llm.Value) string {
	if kind := v.Get("type"); kind.Text() == "item_reference" || kind.IsNull() && !v.Get("role").Exists() {
		return v.Get("id").Text()
	}
	return ""
}

// References are the ids of stored items that req names in place of sending them.
func References(req *llm.Request) []string {
	var ids []string
	req.Body.Root().Get("input").Items(func(_ int, item llm.Value) bool {
		if id := reference(item); id != "" {
			ids = append(ids, id)
		}
		return true
	})
	return ids
}

// Said returns the item of that id that the turn has answered with, and the ids
// of all; the item is nil where it is not there.
func (t Turn) Said(id string) (item []byte, ids []string, err error) {
	err = t.items(func(side string, v llm.Value) {
		own := ownID(v, "id")
		if side == "input" || own == "" {
			return
		}
		ids = append(ids, own)
		if own == id {
			item = v.Raw()
		}
	})
	return item, ids, err
}

// idMax bounds, in bytes, an id by which an item is found again: far over what anybody
// makes, and short enough for an index of a database.
const idMax = 256

// ownID is the id that an item has in that member; "" for one that cannot be looked up.
func ownID(item llm.Value, member string) string {
	id := item.Get(member).Text()
	if len(id) > idMax || strings.ContainsFunc(id, unicode.IsControl) {
		return ""
	}
	return strings.Clone(id)
}

var errNotNamed = errors.New("an item that the input names is not there")

// Resolve returns the body of req with items in place of their ids, and without
// those that the model is told anyway. Reasoning is left out as in Follow.
func Resolve(req *llm.Request, items map[string][]byte, told map[string]bool) ([]byte, error) {
	var list [][]byte
	var failed error
	input := req.Body.Root().Get("input")
	named := make(map[string]llm.Value, len(items))
	for id, item := range items {
		doc, err := llm.Parse(item)
		if err != nil {
			return nil, err
		}
		named[id] = doc.Root()
	}
	whole := isWhole(slices.Collect(maps.Values(named)))
	input.Items(func(_ int, v llm.Value) bool {
		id := reference(v)
		if id == "" {
			list = append(list, v.Raw())
			return true
		}
		if told[id] {
			return true
		}
		item, ok := named[id]
		if !ok {
			failed = errNotNamed
		} else if again := replayed(item, whole); again != nil {
			list = append(list, again)
		}
		return failed == nil
	})
	return req.Body.Encode(llm.Replace(input, slices.Concat([]byte{'['}, bytes.Join(list, []byte{','}), []byte{']'}))), failed
}

// isWhole says that among items is reasoning, and that all of it can be sent again to who
// has signed it.
func isWhole(items []llm.Value) (whole bool) {
	for _, item := range items {
		if item.Get("type").Text() != "reasoning" {
			continue
		}
		if sealed := item.Get("encrypted_content").Text(); sealed == "" || wire.IsProof(sealed) {
			return false
		}
		whole = true
	}
	return whole
}

// allReplayed are the items that can be sent again, as they can.
func allReplayed(items []llm.Value) (said [][]byte) {
	whole := isWhole(items)
	for _, item := range items {
		if again := replayed(item, whole); again != nil {
			said = append(said, again)
		}
	}
	return said
}

// replayed is an item that was said as it can be sent again; nil: it cannot. Unless it
// goes with whole reasoning, what a model has said loses its ids: OpenAI looks them up, and
// refuses a message or a call without the reasoning that came before it, and
// reasoning without what came after.
func replayed(item llm.Value, whole bool) []byte {
	kind := item.Get("type").Text()
	switch {
	case kind == "reasoning" && item.Get("encrypted_content").Text() == "":
		return nil
	case whole, !saidByModel(kind, item):
		return item.Raw()
	}
	doc, err := llm.Parse(item.Raw())
	if err != nil {
		return nil // it was parsed before
	}
	return doc.Encode(llm.Reshape(doc.Root(), []string{"id"}, nil)...)
}

// saidByModel says whether the item, of a kind, is of those whose ids OpenAI looks up.
func saidByModel(kind string, item llm.Value) bool {
	switch kind {
	case "reasoning", "function_call", "custom_tool_call":
		return true
	case "message":
		return item.Get("role").Text() == "assistant"
	}
	return false
}

// items calls f for what was asked and then for what was answered.
func (t Turn) items(f func(side string, item llm.Value)) error {
	input, err := itemsOf(t.Input)
	if err != nil {
		return err
	}
	answer, err := llm.Parse(t.Response)
	if err != nil {
		return err
	}
	input.Root().Items(func(_ int, item llm.Value) bool { f("input", item); return true })
	answer.Root().Get("output").Items(func(_ int, item llm.Value) bool { f("output", item); return true })
	return nil
}

// itemsOf is an input as a list of items: a text is a message of the user.
func itemsOf(input []byte) (*llm.Document, error) {
	doc, err := llm.Parse(input)
	if err == nil && doc.Root().Kind() == llm.String {
		return llm.Parse(fmt.Appendf(nil, `[{"role":"user","content":%s}]`, doc.Root().Raw()))
	}
	return doc, err
}

// Item is an item of a list, with its id.
type Item struct {
	ID   string
	JSON []byte
}

// InputItems lists all that the model was asked in the last of the turns: what
// was said in those before it, and its own input. Items without an id get one that
// is always the same; those of a conversation have the id that they have there.
func InputItems(turns []Turn) ([]Item, error) {
	var items []Item
	for i, t := range turns {
		for _, before := range t.Before {
			item, err := Listed(before.JSON, before.ID)
			if err != nil {
				return nil, err
			}
			items = append(items, Item{before.ID, item})
		}
		last := i == len(turns)-1
		at, of := 0, sha256.Sum256(t.Response)
		err := t.items(func(side string, item llm.Value) {
			if last && side == "output" {
				return
			}
			at++
			items = append(items, listed(item, spareID(item, fmt.Sprintf("%x/%d/%d", of, i, at))))
		})
		if err != nil {
			return nil, err
		}
	}
	return items, nil
}

// spareID is the id of an item that has none of its own.
func spareID(item llm.Value, place string) string {
	kind := item.Get("type").Text()
	if kind == "" {
		kind = "message"
	}
	sum := sha256.Sum256([]byte(place))
	return idPrefix(kind) + "_" + hex.EncodeToString(sum[:16])
}

// listed is an item in the form of lists: with type, status and id, which is spare
// where it has none, and a message's text as a part.
func listed(item llm.Value, spare string) Item {
	raw := item.Raw()
	id, kind := item.Get("id").Text(), item.Get("type").Text()
	var add []string
	if kind == "" {
		kind = "message"
		add = append(add, `"type":"message"`)
	}
	if id == "" {
		id = spare
		add = append(add, `"id":`+string(llm.Quote(id)))
	}
	if item.Get("status").IsNull() {
		add = append(add, `"status":"completed"`)
	}
	if content := item.Get("content"); kind == "message" && content.Kind() == llm.String {
		part := `[{"type":"input_text","text":%s}]`
		if item.Get("role").Text() == "assistant" {
			part = `[{"type":"output_text","text":%s,"annotations":[],"logprobs":[]}]`
		}
		at := content.Offset() - item.Offset()
		raw = slices.Concat(raw[:at], fmt.Appendf(nil, part, content.Raw()), raw[at+len(content.Raw()):])
	}
	for _, member := range add {
		raw = extended(raw, member, false)
	}
	return Item{id, raw}
}

// idPrefix is how ids of items of that type begin.
func idPrefix(kind string) string {
	switch {
	case kind == "message":
		return "msg"
	case kind == "reasoning":
		return "rs"
	case strings.HasPrefix(kind, "function_call"):
		return "fc"
	}
	return "item"
}

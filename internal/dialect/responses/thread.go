package responses

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Piece is an item of a conversation as it is stored.
type Piece struct {
	ID      string // what the item calls itself; "": nothing
	Key     string // random, in the form of ids of its type
	Call    string // whose call it is, or answers; "": none
	Message int64  // groups the items of one message, from 0
	JSON    []byte
}

// Pieces returns what was asked in the turn and then what was answered.
func (t Turn) Pieces() (pieces []Piece, err error) {
	err = t.items(func(_ string, item llm.Value) { pieces = withPiece(pieces, item) })
	return pieces, err
}

// ReadItems reads items that a client adds to a conversation. Errors are those of
// Decode; an item that stands for another is none that can be added.
func ReadItems(json []byte) ([]Piece, error) {
	body := append(append([]byte(`{"model":"none","input":`), json...), '}')
	req, err := Decode(body)
	if err != nil {
		return nil, err
	}
	var pieces []Piece
	input := req.Body.Root().Get("input")
	if input.Kind() != llm.Array {
		return nil, wire.Invalid("items must be an array.")
	}
	input.Items(func(_ int, item llm.Value) bool {
		if reference(item) != "" {
			err = wire.Invalid("items: an item cannot be named in place of being sent.")
		}
		pieces = withPiece(pieces, item)
		return err == nil
	})
	return pieces, err
}

// withPiece appends an item. One message is what an assistant says, thinks and
// calls, and what is answered to that; each of anybody else is one of its own.
func withPiece(pieces []Piece, item llm.Value) []Piece {
	kind := item.Get("type").Text()
	if kind == "" {
		kind = "message"
	}
	p := Piece{
		ID: ownID(item, "id"), Call: ownID(item, "call_id"),
		Key: idPrefix(kind) + "_" + randomHex(), JSON: bytes.Clone(item.Raw()),
	}
	if len(pieces) > 0 {
		before := pieces[len(pieces)-1]
		p.Message = before.Message
		if doc, err := llm.Parse(before.JSON); err != nil || alone(doc.Root()) || alone(item) {
			p.Message++
		}
	}
	return append(pieces, p)
}

func alone(item llm.Value) bool {
	role := item.Get("role")
	return role.Exists() && role.Text() != "assistant"
}

func randomHex() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// Listed is a stored item in the form of lists, under that id.
func Listed(json []byte, id string) ([]byte, error) {
	doc, err := llm.Parse(json)
	if err != nil {
		return nil, err
	}
	if own := doc.Root().Get("id"); own.Exists() && own.Text() != id {
		if doc, err = llm.Parse(doc.Encode(llm.Replace(own, llm.Quote(id)))); err != nil {
			return nil, err
		}
	}
	return listed(doc.Root(), id).JSON, nil
}

// Conversation is the id of the conversation that req belongs to; "": none.
func Conversation(req *llm.Request) string {
	v := req.Body.Root().Get("conversation")
	if v.Kind() == llm.Object {
		v = v.Get("id")
	}
	return v.Text()
}

// Within returns the body of req as if the client had sent the items of its
// conversation before its own input. Reasoning is left out as in Follow.
func Within(req *llm.Request, items [][]byte) ([]byte, error) {
	said := make([]llm.Value, len(items))
	for i, json := range items {
		doc, err := llm.Parse(json)
		if err != nil {
			return nil, err
		}
		said[i] = doc.Root()
	}
	return preceded(req, allReplayed(said), "conversation")
}

// preceded returns the body of req with items before its own, and without the
// field that named them.
func preceded(req *llm.Request, items [][]byte, field string) ([]byte, error) {
	root := req.Body.Root()
	own, err := itemsOf(root.Get("input").Raw())
	if err != nil {
		return nil, err
	}
	own.Root().Items(func(_ int, item llm.Value) bool { items = append(items, item.Raw()); return true })
	input := append(append([]byte{'['}, bytes.Join(items, []byte{','})...), ']')
	return req.Body.Encode(append(llm.Reshape(root, []string{field}, nil), llm.Replace(root.Get("input"), input))...), nil
}

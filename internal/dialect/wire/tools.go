package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// callIDMax bounds the id of a call: AWS's bound, which is over what anybody's own ids have.
const callIDMax = 64

// CallID is the id of a call as Anthropic and AWS take it: letters and digits of ASCII, _ and -.
// Services of other dialects make others (functions.read:0 of Kimi K2), which are in the history
// of a conversation that has changed its model. Such an id is always changed alike: a call and its
// answer keep belonging together, and no two become one.
func CallID(id string) string {
	if id == "" || len(id) <= callIDMax && !strings.ContainsFunc(id, strange) {
		return strings.Clone(id)
	}
	sum := sha256.Sum256([]byte(id))
	mark := "_" + hex.EncodeToString(sum[:8])
	plain := strings.Map(func(r rune) rune {
		if strange(r) {
			return '_'
		}
		return r
	}, id)
	return plain[:min(len(plain), callIDMax-len(mark))] + mark
}

func strange(r rune) bool {
	return (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
}

// ArgumentsSchema is the schema of a tool's arguments, an object or none, for services that want to
// read in it that they are an object: OpenAI's clients leave the type out, or the schema.
func ArgumentsSchema(schema llm.Value) json.RawMessage {
	if schema.Len() == 0 {
		return json.RawMessage(`{"type":"object","properties":{}}`)
	}
	raw := schema.JSON()
	if schema.Get("type").Exists() {
		return raw
	}
	return slices.Concat([]byte(`{"type":"object",`), raw[1:])
}

// Package messages is the dialect of Anthropic's Messages API, from both sides: as
// clients write requests and read answers, and as providers do.
//
// Decode reads strictly what the gateway itself acts on and leaves every other
// field as it came. A request goes to a provider of this dialect as the original
// bytes with a short list of changes, and its answer goes back the same way, event
// by event, with names and pings. For a request in another dialect Encode builds
// one of this dialect from the meaning; for an answer in another dialect an Encoder
// builds the events that this API promises, in their order. Texts are read as they
// stand in the request now, so what policy changed is what is sent.
//
// Thinking bears a signature of its provider. A signed text is never edited on
// either way; what policy would hide in one that a client sends refuses the call.
//
// Of requests in other dialects nothing is lost in silence that changes what a
// client asked for: what has no counterpart here is refused as
// sallyport.UnsupportedField by its name. What is only a hint (a seed, a cache
// key, the detail of an image, an author's name) is left out. So is reasoning text
// of another provider in the history: it has no signature, and this dialect takes
// none without.
//
// System texts in the middle of a conversation that came in another dialect join
// the system text at the front, each as a block of its own, in their order. Only
// some models take them at their place, and as a user's turn an operator's words
// would lose their authority. Their place is given up, their rank is kept.
package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
)

// Opaque says whether the string at that place of a body carries no text of a
// person or a model: ids, types, enums, signatures, encrypted data. DLP must
// neither read nor change it. A place is the names of the members that lead to it,
// arrays left out; the name alone does not count, for anybody can send any name
// anywhere.
func Opaque(place []string) bool {
	inside, table := place, opaqueInBody
	switch {
	case len(place) > 2 && place[0] == "messages" && place[1] == "content":
		inside, table = place[2:], opaqueInBlock
	case len(place) > 1 && (place[0] == "system" || place[0] == "content" || place[0] == "content_block"):
		inside, table = place[1:], opaqueInBlock
	}
	if len(inside) == 0 {
		return false
	}
	// The result of a tool is blocks again.
	if len(inside) > 1 && inside[0] == "content" && len(place) > len(inside) {
		inside = inside[1:]
	}
	return table.Has(inside)
}

// The opaque members by name, each with the places where it is opaque.
var (
	opaqueInBody = wire.Places{
		"model": {{}, {"message"}}, "service_tier": {{}, {"usage"}, {"message", "usage"}}, "inference_geo": {{}, {"usage"}},
		"type": {
			{}, {"tools"}, {"tool_choice"}, {"thinking"}, {"cache_control"}, {"tools", "cache_control"},
			{"message"}, {"delta"}, {"output_config", "format"}, {"context_management", "edits"}, {"mcp_servers"}, {"thread"},
		},
		"id": {{}, {"message"}}, "role": {{}, {"messages"}, {"message"}}, "effort": {{"output_config"}},
		"stop_reason": {{}, {"message"}, {"delta"}}, "signature": {{"delta"}},
		"previous_message_id": {{"thread"}},
		"ttl":                 {{"cache_control"}, {"tools", "cache_control"}},
	}
	opaqueInBlock = wire.Places{
		"type":       {{}, {"source"}, {"cache_control"}, {"citations"}},
		"ttl":        {{"cache_control"}},
		"media_type": {{"source"}}, "file_id": {{"source"}},
		"id": {{}}, "tool_use_id": {{}},
		"signature": {{}}, "data": {{}}, // of redacted thinking
		"encrypted_content": {{}}, "encrypted_index": {{"citations"}},
	}
)

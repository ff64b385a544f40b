// Package responses is the dialect of OpenAI's Responses, from both sides: as
// clients write requests and read answers, and as providers do.
//
// Decode reads strictly what the gateway itself acts on (the model, the input
// items, the tools, bounds, streaming and state) and leaves every other field as
// it came. Encode to a provider of this dialect is the original bytes with a short
// list of changes. A Decoder reads a provider's events; in them a text is told up
// to five times: in pieces, then whole when it, its part, its item and the
// response are done. The pieces are Deltas, the rest are Repeats, which the screen
// judges to the same effect.
//
// An Encoder passes on answers of this dialect as they came. From the answers of
// another it makes the whole sequence of events that this dialect promises: each
// item begins, grows and is done, and the response at the end holds all of it.
package responses

import (
	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
)

// Opaque says whether the string at that place of a body carries no text of a
// person or a model: ids, types, enums, encrypted reasoning, padding. DLP must
// neither read nor change it. A place is the names of the members that lead to
// it, arrays left out; the name alone does not count. The places are those of
// requests, plain answers and events, which share their objects.
func Opaque(place []string) bool {
	if len(place) > 1 && place[0] == "response" { // of an event
		place = place[1:]
	}
	inside, table := place, opaqueInBody
	if len(place) > 1 {
		switch place[0] {
		case "input", "output", "item":
			inside, table = place[1:], opaqueInItem
		case "part":
			inside, table = place[1:], opaqueInPart
		}
	}
	return table.Has(inside)
}

// The opaque members by name, each with the places where it is opaque.
var (
	opaqueInBody = wire.Places{
		"model": {{}}, "object": {{}}, "status": {{}}, "include": {{}}, "service_tier": {{}}, "truncation": {{}},
		"id":     {{}, {"conversation"}, {"prompt"}},
		"type":   {{}, {"tools"}, {"tool_choice"}, {"tool_choice", "tools"}, {"text", "format"}, {"annotation"}},
		"effort": {{"reasoning"}}, "summary": {{"reasoning"}}, "verbosity": {{"text"}}, "mode": {{"tool_choice"}},
		"tool_choice": {{}}, "item_id": {{}}, "obfuscation": {{}}, "conversation": {{}},
		"previous_response_id": {{}}, "prompt_cache_key": {{}}, "prompt_cache_retention": {{}},
		"reason": {{"incomplete_details"}}, "code": {{"error"}},
		"partial_image_b64": {{}},
	}
	opaqueInItem = wire.Places{
		"id": {{}}, "role": {{}}, "status": {{}}, "call_id": {{}}, "phase": {{}}, "encrypted_content": {{}},
		"type":    {{}, {"content"}, {"summary"}, {"output"}, {"content", "annotations"}},
		"detail":  {{"content"}, {"output"}},
		"file_id": {{"content"}, {"output"}, {"content", "annotations"}},
	}
	opaqueInPart = wire.Places{
		"type": {{}, {"annotations"}}, "file_id": {{"annotations"}},
	}
)

func unsupported(message string) error {
	return sallyport.NewError(sallyport.UnsupportedField, message)
}

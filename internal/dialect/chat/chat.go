// Package chat is the dialect of OpenAI's Chat Completions, from both sides: as
// clients write requests and read answers, and as compatible providers do.
//
// Decode reads strictly what the gateway itself acts on (the model, the
// messages, the tools, bounds and streaming) and leaves every other field as it
// came. Encode to a provider of this dialect is the original bytes with a short
// list of changes (see Encode); nothing is parsed and written anew. Answers of
// this dialect go to a client of this dialect the same way; answers of another
// dialect are built from their meaning.
package chat

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
)

// Opaque says whether the string at that place of a body carries no text of a
// person or a model: ids, types, enums, signatures, media. DLP must neither read
// nor change it: a changed id breaks a conversation, a changed signature a proof.
// A place is the names of the members that lead to it, arrays left out; the name
// alone does not count, for anybody can send any name anywhere.
func Opaque(place []string) bool {
	inside, table := place, opaqueInBody
	switch {
	case len(place) > 1 && place[0] == "messages":
		inside, table = place[1:], opaqueInMessage
	case len(place) > 2 && place[0] == "choices" && (place[1] == "message" || place[1] == "delta"):
		inside, table = place[2:], opaqueInMessage
	}
	return table.Has(inside)
}

// The opaque members by name, each with the places where it is opaque.
var (
	opaqueInBody = wire.Places{
		"model": {{}}, "id": {{}}, "object": {{}}, "system_fingerprint": {{}}, "service_tier": {{}},
		"prompt_cache_key": {{}}, "prompt_cache_retention": {{}}, "reasoning_effort": {{}}, "verbosity": {{}},
		"tool_choice":   {{}},
		"type":          {{"tools"}, {"tool_choice"}, {"response_format"}},
		"finish_reason": {{"choices"}}, "native_finish_reason": {{"choices"}},
	}
	opaqueInMessage = wire.Places{
		"role": {{}}, "tool_call_id": {{}}, "signature": {{}, {"content"}, {"reasoning_details"}},
		"id":                {{"tool_calls"}, {"audio"}, {"reasoning_details"}},
		"type":              {{"content"}, {"content", "cache_control"}, {"tool_calls"}, {"annotations"}, {"reasoning_details"}},
		"detail":            {{"content", "image_url"}},
		"format":            {{"content", "input_audio"}, {"reasoning_details"}},
		"data":              {{"content", "input_audio"}, {"audio"}, {"reasoning_details"}},
		"file_id":           {{"content", "file"}},
		"encrypted_content": {{}, {"content"}},
		"thought_signature": {{"tool_calls", "extra_content", "google"}},
	}
)

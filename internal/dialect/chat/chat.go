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
	"github.com/sallyport-ai/sallyport"
)

// Opaque says whether the values of members of that name carry no text of a
// person or a model: ids, types, enums and signatures. DLP must neither read nor
// change them: a changed id breaks a conversation, a changed signature a proof.
// Names, descriptions and schemas of tools are text and are not opaque.
func Opaque(member string) bool {
	switch member {
	case "model", "id", "tool_call_id", "role", "type", "object", "signature",
		"encrypted_content", "finish_reason", "native_finish_reason", "system_fingerprint",
		"service_tier", "prompt_cache_key", "prompt_cache_retention",
		"reasoning_effort", "verbosity", "tool_choice", "detail", "format":
		return true
	}
	return false
}

func invalidBody(message string) error { return sallyport.NewError(sallyport.InvalidBody, message) }

func invalidAnswer(message string) error {
	return sallyport.NewError(sallyport.UpstreamInvalid, "The provider's answer cannot be used: "+message+".")
}

// Package dialect tells what is common to the dialects below it. Each dialect
// is a package of its own and knows its API's way to write requests and answers;
// none knows another's.
package dialect

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/completions"
	"github.com/sallyport-ai/sallyport/internal/dialect/embeddings"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/transcriptions"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Opaque returns the rule that says which places of a body in that dialect
// DLP must neither read nor edit: ids, enums, signatures.
func Opaque(d llm.Dialect) func(place []string) bool {
	switch d {
	case llm.Chat:
		return chat.Opaque
	case llm.Messages:
		return messages.Opaque
	case llm.Completions:
		return completions.Opaque
	case llm.Embeddings:
		return embeddings.Opaque
	case llm.Responses:
		return responses.Opaque
	case llm.Transcriptions:
		return transcriptions.Opaque
	}
	return func([]string) bool { return false }
}

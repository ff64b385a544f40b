// Package messages is the Anthropic Messages dialect, as providers speak it.
//
// Encode builds a request of this dialect from the meaning of one that came in
// another; DecodeWhole and a Decoder read what the provider answers into events.
// Texts are read as they stand in the request now, so what policy changed is
// what is sent.
//
// Nothing is lost in silence that changes what a client asked for: a field that
// has no counterpart here is refused as sallyport.UnsupportedField by its name.
// What is only a hint (a seed, a cache key, the detail of an image, an author's
// name) is left out. So is reasoning text of another provider in the history: it
// has no signature, and this dialect takes none without.
//
// System texts in the middle of a conversation join the system text at the front,
// each as a block of its own, in their order. Only some models take them at their
// place, and as a user's turn an operator's words would lose their authority. Their
// place is given up, their rank is kept.
package messages

import (
	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// unsupported says that the field at v cannot be carried to this dialect.
func unsupported(v llm.Value, why string) error {
	return sallyport.NewError(sallyport.UnsupportedField, v.Path()+": "+why)
}

// invalid says that the field at v is not what its own dialect promises.
func invalid(v llm.Value, why string) error {
	return sallyport.NewError(sallyport.InvalidBody, v.Path()+": "+why)
}

package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Encode returns the body for a provider of this dialect, whose name for the model
// is target. Of a request of this dialect it is the client's own body but for: the
// model; the fields in wire.Removed; the texts that a stage changed; and thinking that a
// provider of another dialect has signed. Any other is built
// from its meaning; outputMax is then the bound of the answer's tokens when the
// client named none; it must be positive, since this dialect knows no answer
// without a bound.
//
// A request that asks for what this dialect cannot say is refused with
// sallyport.UnsupportedField, one with a broken part with sallyport.InvalidBody.
func Encode(req *llm.Request, target string, outputMax int64) ([]byte, error) {
	if req.Dialect != llm.Messages {
		return build(req, target, outputMax)
	}
	root := req.Body.Root()
	patches := llm.Reshape(root, wire.Removed, nil)
	if model := root.Get("model"); model.Text() != target {
		patches = append(patches, llm.Replace(model, llm.Quote(target)))
	}
	root.Get("messages").Items(func(_ int, message llm.Value) bool {
		patches = append(patches, wire.Without(message.Get("content"), foreignThinking)...)
		return true
	})
	return req.Body.Encode(patches...), nil
}

// foreignThinking says that a block is what another provider has signed: nobody else
// gets that.
func foreignThinking(block llm.Value) bool {
	return wire.IsProof(block.Get("signature").Text()) || block.Get("type").Text() == "redacted_thinking" && wire.IsProof(block.Get("data").Text())
}

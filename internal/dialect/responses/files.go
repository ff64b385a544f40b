package responses

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Files are the places of a request that name stored files: parts of messages, outputs
// of tools, and what is put into a prompt that the provider keeps.
func Files(req *llm.Request) []wire.FileRef {
	refs := wire.FileRefs(req, fileRef)
	look := func(v llm.Value) {
		if ref, is := fileRef(llm.Part{Raw: v}); is {
			refs = append(refs, ref)
		}
	}
	root := req.Body.Root()
	root.Get("input").Items(func(_ int, item llm.Value) bool {
		switch output := item.Get("output"); item.Get("type").Text() {
		case "custom_tool_call_output":
			output.Items(func(_ int, v llm.Value) bool { look(v); return true })
		case "computer_call_output":
			look(output)
		}
		return true
	})
	root.Get("prompt").Get("variables").Members(func(_, v llm.Value) bool { look(v); return true })
	return refs
}

// screenshot is the output of a computer, an image under a name of its own.
const screenshot = "computer_screenshot"

func fileRef(p llm.Part) (wire.FileRef, bool) {
	part, kind := p.Raw, p.Raw.Get("type").Text()
	id := part.Get("file_id")
	if id.IsNull() || kind != "input_file" && kind != "input_image" && kind != screenshot {
		return wire.FileRef{}, false
	}
	return wire.FileRef{ID: id.Text(), Put: func(f wire.File) ([]llm.Patch, error) {
		for _, other := range []string{"file_data", "file_url", "image_url"} {
			if !part.Get(other).IsNull() {
				return nil, wire.Wrong(part, "", "must have file_id or "+other+", not both")
			}
		}
		if kind != "input_file" && !f.IsImage() {
			return nil, wire.Wrong(part, "file_id", "must be the id of an image")
		}
		if kind == screenshot {
			return llm.Reshape(part, []string{"file_id", "image_url"}, []llm.Field{wire.Text("image_url", f.Address())}), nil
		}
		return llm.Reshape(part, []string{"type", "file_id", "filename", "file_data", "file_url", "image_url"}, contentOf(f)), nil
	}}, true
}

// contentOf is a file as a part of the input: an image and a text as such.
func contentOf(f wire.File) []llm.Field {
	switch {
	case f.IsImage():
		return []llm.Field{wire.Text("type", "input_image"), wire.Text("image_url", f.Address())}
	case f.IsText():
		return []llm.Field{wire.Text("type", "input_text"), wire.Text("text", f.AsText())}
	}
	return []llm.Field{wire.Text("type", "input_file"), wire.Text("filename", f.Name), wire.Text("file_data", f.Address())}
}

package llm

import (
	"errors"
	"strings"
)

// Inline returns the bytes, in base64, and the media type of an ImagePart or a
// FilePart whose bytes are in the request: given apart, or in a data: address.
// ok is false for one that is elsewhere, and for a data: address without base64.
func (p Part) Inline() (mediaType, data string, ok bool) {
	if p.Data.Exists() {
		return p.MediaType, p.Data.Text(), true
	}
	rest, ok := cutScheme(p.URL.Text(), "data:")
	if !ok {
		return "", "", false
	}
	head, data, comma := strings.Cut(rest, ",")
	mediaType, params, _ := strings.Cut(head, ";")
	base64 := strings.EqualFold(params[strings.LastIndexByte(params, ';')+1:], "base64")
	return mediaType, data, comma && base64
}

// Linked returns the https address of an ImagePart or a FilePart that is elsewhere.
func (p Part) Linked() (address string, ok bool) {
	address = p.URL.Text()
	_, ok = cutScheme(address, "https://")
	return address, ok && !p.Data.Exists()
}

func cutScheme(address, scheme string) (rest string, ok bool) {
	if len(address) < len(scheme) || !strings.EqualFold(address[:len(scheme)], scheme) {
		return "", false
	}
	return address[len(scheme):], true
}

var errArguments = errors.New("the arguments of a tool call are not the JSON of an object")

// Arguments returns the object of a ToolCallPart's arguments, as it is to be sent:
// some dialects have it as text, others as it is. None at all is the empty object.
func (p Part) Arguments() ([]byte, error) {
	raw := p.Text.JSON()
	if p.Text.Kind() == String {
		raw = []byte(p.Text.Text())
	}
	if p.Text.IsNull() || len(strings.TrimSpace(string(raw))) == 0 {
		return []byte("{}"), nil
	}
	doc, err := Parse(raw)
	if err != nil || doc.Root().Kind() != Object {
		return nil, errArguments
	}
	return doc.Raw(), nil
}

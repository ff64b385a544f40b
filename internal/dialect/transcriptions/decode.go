// Package transcriptions is the dialect of OpenAI's audio transcriptions, from
// both sides. A request is a form: a file of sound and a few fields. The fields are
// read into a document of their own, so that data protection reads and edits them
// as it does any body; the sound is nobody's text and goes out as it came.
//
// An answer is JSON, plain text or subtitles, or a stream of events. What is no
// JSON is read into a document too (see document), and written as it came.
//
// Read beside: https://platform.openai.com/docs/api-reference/audio/createTranscription.
package transcriptions

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// AudioMax bounds the file, as OpenAI does.
const AudioMax = 25 << 20

// Forms of an answer.
const (
	formatJSON     = "json"
	formatVerbose  = "verbose_json"
	formatDiarized = "diarized_json"
	formatText     = "text"
	formatSRT      = "srt"
	formatVTT      = "vtt"
)

var formats = []string{formatJSON, formatVerbose, formatDiarized, formatText, formatSRT, formatVTT}

// requestFields are the fields that are read here.
var requestFields = []string{"file", "model", "prompt", "language", "response_format", "stream", "temperature"}

// answerFields are fields of answers that data protection does not read; in a request
// they would be texts.
var answerFields = []string{"type", "segment_id", "duration"}

// languages have the form of a code or of an English name: no policy reads them.
var languages = regexp.MustCompile(`^([A-Za-z]{2,24}([_-][A-Za-z0-9]{1,4}){0,2})?$`)

// Decode reads a request of a client, whose Content-Type is contentType. Every
// error is *sallyport.Error, InvalidBody or BodyTooLarge, and never quotes a value.
func Decode(contentType string, body []byte) (*llm.Request, error) {
	doc, audio, err := readForm(contentType, body)
	if err != nil {
		return nil, err
	}
	root := doc.Root()
	if err := wire.Keys(root, requestFields...); err != nil {
		return nil, err
	}
	if err := wire.NoneOf(root, answerFields...); err != nil {
		return nil, err
	}
	req := &llm.Request{
		Dialect: llm.Transcriptions, Operation: llm.Transcribe, Body: doc, Choices: 1, Audio: audio,
		Model: root.Get("model").Text(), Stream: root.Get("stream").Text() == "true",
		Portable: func() error {
			return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model has no transcriptions.")
		},
	}
	if prompt := root.Get("prompt"); prompt.Exists() {
		req.Messages = []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.TextPart, Raw: prompt, Text: prompt}}}}
	}
	return req, check(req)
}

func check(req *llm.Request) error {
	root := req.Body.Root()
	switch temperature, err := strconv.ParseFloat(cmp.Or(root.Get("temperature").Text(), "0"), 64); {
	case req.Model == "":
		return wire.Invalid("model must name a model.")
	case req.Audio == nil:
		return wire.Invalid("file must be a file of sound, with its name.")
	case len(req.Audio.Data) == 0:
		return wire.Invalid("file must not be empty.")
	case !slices.Contains(formats, Format(req)):
		return wire.Invalid("response_format must be one of " + strings.Join(formats, ", ") + ".")
	case !languages.MatchString(root.Get("language").Text()):
		return wire.Invalid("language must be the code of a language, such as en or pt-BR.")
	case !slices.Contains([]string{"", "true", "false"}, root.Get("stream").Text()):
		return wire.Invalid("stream must be true or false.")
	case err != nil || temperature < 0 || temperature > 1:
		return wire.Invalid("temperature must be a number from 0 to 1.")
	case req.Stream && !isJSON(Format(req)) && Format(req) != formatText:
		return wire.Invalid("stream: subtitles are not streamed.")
	}
	return nil
}

// Format is the form in which the answer to req is wanted.
func Format(req *llm.Request) string {
	return cmp.Or(req.Body.Root().Get("response_format").Text(), formatJSON)
}

func isJSON(format string) bool {
	return format == formatJSON || format == formatVerbose || format == formatDiarized
}

// Bounds of a form beside its file.
const (
	partsMax = 256     // OpenAI's API has a dozen fields, some of which are lists
	fieldMax = 4 << 20 // bytes of one: a voice to compare with stands in a field
)

// readForm reads the fields into an object, in their order: texts, lists of those
// whose names end in "[]", and at the file's place its name.
func readForm(contentType string, body []byte) (*llm.Document, *llm.Audio, error) {
	form, err := wire.Form(contentType, body)
	if err != nil {
		return nil, nil, err
	}
	var fields fields
	var audio *llm.Audio
	for n := 0; ; n++ {
		part, err := form.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return fields.document(audio)
		case err != nil || n == partsMax:
			return nil, nil, wire.Invalid("The body is not a form of at most " + strconv.Itoa(partsMax) + " parts.")
		}
		if part.FormName() == "file" && part.FileName() != "" {
			if audio != nil {
				return nil, nil, wire.Invalid("file stands twice in the form.")
			}
			if audio, err = readAudio(part); err == nil {
				err = fields.add("file", part.FileName())
			}
		} else {
			err = readField(part, &fields)
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

func readAudio(part *multipart.Part) (*llm.Audio, error) {
	data, err := wire.FormFile(part, AudioMax)
	return &llm.Audio{MediaType: soundType(part.Header.Get("Content-Type")), Data: data}, err
}

// otherType is what a file says of itself whose client says nothing that is known.
const otherType = "application/octet-stream"

var soundTypes = regexp.MustCompile(`^(audio|video)/[a-z0-9][a-z0-9.+-]{0,31}$`)

// soundType is what a client says of the file, as far as a type can say it: no policy
// reads the head of a part, so no text may stand there.
func soundType(declared string) string {
	kind, _, err := mime.ParseMediaType(declared)
	switch {
	case declared == "":
		return ""
	case err != nil || !soundTypes.MatchString(kind):
		return otherType
	}
	return kind
}

func readField(part *multipart.Part, to *fields) error {
	value, err := wire.FormField(part, fieldMax)
	if err != nil {
		return err
	}
	return to.add(part.FormName(), value)
}

// fields are the fields of a form, in the order in which they begin.
type fields struct {
	names  []string
	values map[string][]string
}

// isList says whether a field may stand several times: clients write lists so.
func isList(name string) bool { return strings.HasSuffix(name, "[]") }

func (f *fields) add(name, value string) error {
	before, twice := f.values[name]
	switch {
	case name == "" || !utf8.ValidString(name) || !utf8.ValidString(value):
		return wire.Invalid("A field of the form has no name, or is not UTF-8.")
	case isList(name) && slices.Contains(requestFields, strings.TrimSuffix(name, "[]")):
		return wire.Invalid("A field of the form is a list that must be one value.")
	case twice && !isList(name):
		return wire.Invalid("A field stands twice in the form.")
	case !twice:
		f.names = append(f.names, name)
	}
	if f.values == nil {
		f.values = make(map[string][]string)
	}
	f.values[name] = append(before, value)
	return nil
}

func (f *fields) document(audio *llm.Audio) (*llm.Document, *llm.Audio, error) {
	body := []byte{'{'}
	for i, name := range f.names {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(body, llm.Quote(name)...), ':')
		if isList(name) {
			body = append(body, wire.Marshal(f.values[name])...)
		} else {
			body = append(body, llm.Quote(f.values[name][0])...)
		}
	}
	doc, err := wire.Body(append(body, '}'))
	if err == nil && audio != nil {
		audio.Name = doc.Root().Get("file")
	}
	return doc, audio, err
}

// Opaque says which strings of a body carry no text of a person: see chat.Opaque.
func Opaque(place []string) bool {
	last := place[len(place)-1]
	switch len(place) {
	case 1:
		return slices.Contains([]string{"model", "language", "response_format", "stream", "temperature", "type", "segment_id", "duration"}, last)
	case 2:
		return slices.Contains([]string{"usage.type", "cues.frame", "segments.type", "segments.id"}, place[0]+"."+last)
	}
	return false
}

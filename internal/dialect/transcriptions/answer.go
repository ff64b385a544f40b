package transcriptions

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Document reads the body of a plain answer in that format. JSON is parsed; of
// text it is {"text"}, of subtitles {"text","cues":[{"frame","text"}]}: what was
// said as a whole, and cut up into what stands around each line and the line.
func Document(format string, body []byte) (*llm.Document, error) {
	if isJSON(format) {
		doc, err := llm.Parse(body)
		if err != nil {
			return nil, wire.Unusable("it is not JSON")
		}
		return doc, nil
	}
	if !utf8.Valid(body) {
		return nil, wire.Unusable("it is not UTF-8")
	}
	told := transcript{Text: string(body)}
	if format != formatText {
		told = subtitles(string(body))
	}
	return llm.Parse(wire.Marshal(told))
}

type transcript struct {
	Text string `json:"text"`
	Cues []cue  `json:"cues,omitempty"`
}

// cue is a line of subtitles and what stands before it. The last has no text.
type cue struct {
	Frame string `json:"frame"`
	Text  string `json:"text"`
}

// What of subtitles is no speech: the head, numbers of cues, and their times.
var (
	cueNumber = regexp.MustCompile(`^[0-9]{1,9}$`)
	cueTimes  = regexp.MustCompile(`^[0-9:.,]+[ \t]+-->[ \t]+[0-9:.,]+$`)
)

// subtitles takes SubRip or WebVTT apart. Whatever is not certainly frame is speech:
// data protection does not read the frame.
func subtitles(body string) (told transcript) {
	lines := strings.SplitAfter(body, "\n")
	var said []string
	frame := ""
	for i, line := range lines {
		text := strings.Trim(line, " \t\r\n")
		next := ""
		if i+1 < len(lines) {
			next = strings.Trim(lines[i+1], " \t\r\n")
		}
		switch {
		case text == "", i == 0 && text == "WEBVTT", cueTimes.MatchString(text), cueNumber.MatchString(text) && cueTimes.MatchString(next):
			frame += line
		default:
			at := strings.Index(line, text)
			told.Cues = append(told.Cues, cue{frame + line[:at], text})
			said = append(said, text)
			frame = line[at+len(text):]
		}
	}
	told.Cues = append(told.Cues, cue{Frame: frame})
	told.Text = strings.Join(said, " ")
	return told
}

// DecodeWhole reads an answer into e. Errors are *sallyport.Error: UpstreamInvalid
// for what is not of this dialect.
func DecodeWhole(doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	text := root.Get("text")
	if text.Kind() != llm.String {
		return wire.Unusable("it has no text")
	}
	*e = llm.Event{
		Kind: llm.WholeEvent, Dialect: llm.Transcriptions, Body: doc, Usage: usage(root),
		Deltas:   []llm.Delta{{Kind: llm.TextDelta, Text: text}},
		Finishes: []llm.Finish{{Reason: llm.StopEnd}},
	}
	for _, list := range []string{"segments", "cues"} {
		var texts []llm.Value
		root.Get(list).Items(func(_ int, item llm.Value) bool {
			if text := item.Get("text"); text.Text() != "" {
				texts = append(texts, text)
			}
			e.Logprobs = appendList(e.Logprobs, item.Get("tokens")) // numbers, which are the text too
			e.Logprobs = appendList(e.Logprobs, item.Get("words"))  // where some services have them
			return true
		})
		if len(texts) > 0 {
			e.Cuts = append(e.Cuts, texts)
		}
	}
	// Words have no points and signs: what was hidden in the text may not be found in them.
	e.Logprobs = appendList(appendList(e.Logprobs, root.Get("words")), root.Get("logprobs"))
	return nil
}

func appendList(all []llm.Value, list llm.Value) []llm.Value {
	if list.Kind() == llm.Array {
		all = append(all, list)
	}
	return all
}

// DecodeEvent reads one event of a stream into e. Errors are *sallyport.Error:
// UpstreamError for a failure that the provider tells.
func DecodeEvent(name string, doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	*e = llm.Event{
		Kind: llm.ChunkEvent, Dialect: llm.Transcriptions, Name: name, Body: doc,
		Logprobs: appendList(nil, root.Get("logprobs")),
	}
	if root.Get("error").Kind() == llm.Object {
		return sallyport.NewError(sallyport.UpstreamError, "The provider answered with an error in the middle of its answer.")
	}
	text := func(member string) []llm.Delta { return []llm.Delta{{Kind: llm.TextDelta, Text: root.Get(member)}} }
	switch kind := root.Get("type"); kind.Text() {
	case "transcript.text.delta":
		e.Deltas = text("delta")
	case "transcript.text.segment":
		// Segments say again what the deltas say, cut where a voice begins: a text of
		// its own, so that what goes over from one to the next is found.
		e.Deltas = []llm.Delta{{Kind: llm.AsideDelta, Text: root.Get("text")}}
	case "transcript.text.done":
		e.Kind, e.Repeats, e.Usage = llm.DoneEvent, text("text"), usage(root)
		e.Finishes = []llm.Finish{{Reason: llm.StopEnd}}
	default:
		if kind.Kind() != llm.String {
			return wire.Unusable("an event has no type")
		}
	}
	return nil
}

// usage is what the provider says that it heard: tokens, or how long the sound is.
// Mistral has words of its own, and Groq tells nothing but the duration. Of tokens of which
// one count is none, the other is not believed either.
func usage(root llm.Value) *llm.Usage {
	told := root.Get("usage")
	readable := true
	count := func(names ...string) (n int64) {
		for _, name := range names {
			if v := told.Get(name); !v.IsNull() {
				m, ok := v.Int()
				readable = readable && ok && m >= 0
				n = max(n, m)
			}
		}
		return n
	}
	u := &llm.Usage{
		Input:        count("input_tokens", "prompt_tokens"),
		Output:       count("output_tokens", "completion_tokens"),
		AudioSeconds: max(seconds(told.Get("seconds")), seconds(told.Get("prompt_audio_seconds")), seconds(root.Get("duration"))),
	}
	if !readable {
		u.Input, u.Output = 0, 0
	}
	if *u == (llm.Usage{}) {
		return nil
	}
	return u
}

// secondsMax is longer than any file of sound may be: a hundred days.
const secondsMax = 100 * 24 * 60 * 60

// seconds reads a length of time, which some write as a string. Begun seconds count.
func seconds(v llm.Value) int64 {
	text := v.Text()
	if v.Kind() == llm.Number {
		text = string(v.Raw())
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0) {
		return 0
	}
	return int64(math.Ceil(min(n, secondsMax)))
}

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// scenario is one kind of load on some of the targets.
type scenario struct {
	name      string
	callers   int // each with one call at a time, on one connection
	bodyBytes int // of a request
	answer    answer
	calls     int    // > 0: so many of each caller, instead of as many as there is time for
	email     bool   // the prompt holds an address, for DLP to hide and put back
	dialect   string // of the callers, "" as the provider's: chat
	targets   []string
}

// answer is what the provider does.
type answer struct {
	latency   time.Duration // to the first byte
	bytes     int           // of text, if it is plain
	chunks    int           // > 0: a stream of so many pieces
	gap       time.Duration // between two pieces; 0: as fast as they can be sent
	early     bool          // before the request is read to its end
	unscanned bool          // of a model that the gateway has no DLP for
}

// model names the answer; the name goes through the gateway as it is.
func (a answer) model() string {
	name := fmt.Sprintf("mock-%d-%d-%d-%d", a.latency.Milliseconds(), a.bytes, a.chunks, a.gap.Milliseconds())
	if a.early {
		name += earlySuffix
	}
	if a.unscanned {
		name += "-unscanned"
	}
	return name
}

const earlySuffix = "-early"

// answerOf reads what model wrote.
func answerOf(model string) (a answer, err error) {
	var latency, gap int
	if _, err := fmt.Sscanf(model, "mock-%d-%d-%d-%d", &latency, &a.bytes, &a.chunks, &gap); err != nil {
		return answer{}, fmt.Errorf("no such model: %w", err)
	}
	a.early = strings.HasSuffix(model, earlySuffix)
	a.latency, a.gap = time.Duration(latency)*time.Millisecond, time.Duration(gap)*time.Millisecond
	return a, nil
}

// The dialects of callers that the gateway translates.
const (
	messages  = "messages"
	responses = "responses"
)

// answerMarks are what shows the dialect of an answer: the callers', or the
// provider's own from who translates nothing.
func (s scenario) answerMarks() []string {
	marks := []string{`"object":"chat.completion"`}
	switch s.dialect {
	case messages:
		marks = append(marks, `"type":"message"`)
	case responses:
		marks = append(marks, `"object":"response"`)
	}
	return marks
}

// The scenarios that targets of performance speak of, see goals.go.
const (
	plainAlone      = "plain, 1 KB, 1 caller"
	plainSmall      = "plain, 1 KB, 32 callers"
	plainLarge      = "plain, 100 KB, 32 callers"
	plainMany       = "plain, 100 KB, 256 callers"
	streamAlone     = "stream of 200, 1 KB, 1 caller"
	streamMany      = "stream of 200, 100 KB, 256 callers"
	plainUnscanned  = "plain, 100 KB, 32 callers, DLP off"
	plainEmail      = "plain, 1 KB with e-mail, 32 callers"
	plainEarly      = "plain, 100 KB, 32 callers, provider answers before it has read"
	plainSlow       = "plain, 1 KB, 32 callers, provider takes 60 ms"
	streamPaced     = "stream of 200 every 10 ms, 64 callers"
	streamPacedMany = "stream of 200 every 10 ms, 512 callers"
	plainMessages   = "plain, 100 KB, 32 callers of Messages"
	plainResponses  = "plain, 100 KB, 32 callers of Responses"
)

// Bytes of requests, and of text in plain answers to them.
const (
	small, smallAnswer = 1 << 10, 400
	large, largeAnswer = 100 << 10, 9600
)

// scenarios are the curve, and what it does not show.
var scenarios = slices.Concat(curve(), []scenario{
	{name: plainUnscanned, callers: 32, bodyBytes: large, answer: answer{bytes: largeAnswer, unscanned: true}, targets: strictTargets},
	{name: plainEmail, callers: 32, bodyBytes: small, answer: answer{bytes: smallAnswer}, email: true, targets: strictTargets},
	{name: plainEarly, callers: 32, bodyBytes: large, answer: answer{bytes: largeAnswer, early: true}, targets: withBare},
	{name: plainSlow, callers: 32, bodyBytes: small, answer: answer{bytes: smallAnswer, latency: 60 * time.Millisecond}, targets: allTargets},
	{name: streamPaced, callers: 64, bodyBytes: small, answer: paced, calls: 2, targets: strictTargets},
	{name: plainMessages, callers: 32, bodyBytes: large, answer: answer{bytes: largeAnswer}, dialect: messages, targets: strictTargets},
	{name: plainResponses, callers: 32, bodyBytes: large, answer: answer{bytes: largeAnswer}, dialect: responses, targets: strictTargets},
	{name: streamPacedMany, callers: 512, bodyBytes: small, answer: paced, calls: 1, targets: strictTargets},
})

var paced = answer{latency: 60 * time.Millisecond, chunks: 200, gap: 10 * time.Millisecond}

// curve is every combination of form, size and number of callers.
func curve() (all []scenario) {
	for _, form := range []scenario{
		{name: "plain, 1 KB", bodyBytes: small, answer: answer{bytes: smallAnswer}},
		{name: "plain, 100 KB", bodyBytes: large, answer: answer{bytes: largeAnswer}},
		{name: "stream of 200, 1 KB", bodyBytes: small, answer: answer{chunks: 200}},
		{name: "stream of 200, 100 KB", bodyBytes: large, answer: answer{chunks: 200}},
	} {
		for _, callers := range []int{1, 32, 256} {
			s := form
			s.callers, s.targets = callers, allTargets
			s.name = fmt.Sprintf("%s, %d callers", form.name, callers)
			if callers == 1 {
				s.name = form.name + ", 1 caller"
			}
			all = append(all, s)
		}
	}
	return all
}

// answers are those of all scenarios, each once.
func answers() (all []answer) {
	for _, s := range scenarios {
		if !slices.Contains(all, s.answer) {
			all = append(all, s.answer)
		}
	}
	return all
}

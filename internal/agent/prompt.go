package agent

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sallyport-ai/sallyport"
)

// A prompt refers to an input as {{name}} and to the answer of an earlier step
// as {{steps.N.output}}, where N counts from 1. Spaces inside the braces do not
// matter. What is put in is never read for references again: a value that looks
// like one stays text.

const (
	stepsPrefix  = "steps."
	outputSuffix = ".output"
)

// piece is a part of a prompt: words as they stand, or a reference.
type piece struct {
	kind pieceKind
	text string // the words, or the name of the input
	step int    // the number of the step
}

type pieceKind int

const (
	words pieceKind = iota
	inputRef
	outputRef
)

// pieces cuts a prompt at its references. Braces that do not close are words.
func pieces(prompt string) []piece {
	var list []piece
	for {
		before, rest, opens := strings.Cut(prompt, "{{")
		name, after, closes := strings.Cut(rest, "}}")
		if !opens || !closes {
			return append(list, piece{kind: words, text: prompt})
		}
		list = append(list, piece{kind: words, text: before}, reference(strings.TrimSpace(name)))
		prompt = after
	}
}

func reference(name string) piece {
	number, prefixed := strings.CutPrefix(name, stepsPrefix)
	number, suffixed := strings.CutSuffix(number, outputSuffix)
	if n, err := strconv.Atoi(number); prefixed && suffixed && err == nil && n > 0 {
		return piece{kind: outputRef, step: n}
	}
	return piece{kind: inputRef, text: name}
}

// checkPrompt says whether all that prompt refers to is there when that many
// steps are finished.
func checkPrompt(where, prompt string, inputs []sallyport.AgentInput, finished int) error {
	declared := func(name string) bool {
		return slices.ContainsFunc(inputs, func(in sallyport.AgentInput) bool { return in.Name == name })
	}
	for _, p := range pieces(prompt) {
		switch {
		case p.kind == outputRef && p.step > finished:
			return invalid("%s refers to the output of step %d, which is not finished by then", where, p.step)
		case p.kind == inputRef && !declared(p.text):
			return invalid("%s refers to %s, which inputs does not declare", where, quoteName(p.text))
		}
	}
	return nil
}

// quoteName shows what stands between braces when it looks like a name.
func quoteName(name string) string {
	if name == "" || len(name) > NameMax || strings.ContainsFunc(name, unicode.IsControl) {
		return "something"
	}
	return "{{" + name + "}}"
}

// render puts values in the place of references: inputs by name, answers by
// the number of the step less one.
func render(prompt string, inputs map[string]string, answers []answer) string {
	var b strings.Builder
	eachValue(prompt, inputs, answers, func(text string) { b.WriteString(text) })
	return b.String()
}

// renderedSize is the length of what render would make. A small prompt can refer
// to a large value thousands of times, so it is asked before anything is made.
func renderedSize(prompt string, inputs map[string]string, answers []answer) (n int) {
	eachValue(prompt, inputs, answers, func(text string) { n += len(text) })
	return n
}

func eachValue(prompt string, inputs map[string]string, answers []answer, f func(text string)) {
	for _, p := range pieces(prompt) {
		switch p.kind {
		case words:
			f(p.text)
		case inputRef:
			f(inputs[p.text])
		case outputRef:
			f(answers[p.step-1].Text)
		}
	}
}

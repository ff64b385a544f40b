package agent

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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

// prompt says whether all that a prompt refers to is there when that many steps
// are finished.
func (l *problems) prompt(where, prompt string, inputs []sallyport.AgentInput, finished int) {
	declared := func(name string) bool {
		return slices.ContainsFunc(inputs, func(in sallyport.AgentInput) bool { return in.Name == name })
	}
	told := make(map[piece]bool)
	for _, p := range pieces(prompt) {
		if told[p] {
			continue
		}
		told[p] = true
		switch {
		case p.kind == outputRef && p.step > finished:
			l.add(where, "refers to the output of step %d, which is not finished by then", p.step)
		case p.kind == inputRef && !declared(p.text):
			l.add(where, "refers to %s, which inputs does not declare", quoteName(p.text))
		}
	}
}

// quoteName shows what stands between braces when it looks like a name.
func quoteName(name string) string {
	if name == "" || len(name) > NameMax || strings.ContainsFunc(name, unicode.IsControl) {
		return "something"
	}
	return "{{" + name + "}}"
}

// render puts values in the place of references: inputs by name, answers by
// the number of the step less one. It ends after max bytes.
func render(prompt string, inputs map[string]string, answers []answer, max int) string {
	var b strings.Builder
	for text := range values(prompt, inputs, answers) {
		b.WriteString(text[:min(len(text), max-b.Len()+1)])
		if b.Len() > max {
			break
		}
	}
	return cut(b.String(), max)
}

// cut is the beginning of a text that is longer than max bytes.
func cut(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}

// renderedSize is the length of what render would make. A small prompt can refer
// to a large value thousands of times, so it is asked before anything is made.
func renderedSize(prompt string, inputs map[string]string, answers []answer) (n int) {
	for text := range values(prompt, inputs, answers) {
		n += len(text)
	}
	return n
}

// values are the texts that a prompt is made of, one after the other.
func values(prompt string, inputs map[string]string, answers []answer) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, p := range pieces(prompt) {
			text := p.text
			switch p.kind {
			case inputRef:
				text = inputs[p.text]
			case outputRef:
				text = answers[p.step-1].Text
			}
			if !yield(text) {
				return
			}
		}
	}
}

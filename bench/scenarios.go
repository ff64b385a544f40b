package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"
)

// scenario is one kind of load. All of it is plain English text, each prompt
// another one.
type scenario struct {
	name        string
	workers     int // callers, each with one call at a time
	promptBytes int
	email       bool          // the prompt holds an address, for DLP to hide and put back
	chunks      int           // > 0: a stream of so many pieces
	gap         time.Duration // between two pieces
}

var scenarios = []scenario{
	{name: "plain, 1 KB, 1 caller", workers: 1, promptBytes: 1 << 10},
	{name: "plain, 1 KB, 32 callers", workers: 32, promptBytes: 1 << 10},
	{name: "plain, 1 KB with e-mail, 32 callers", workers: 32, promptBytes: 1 << 10, email: true},
	{name: "plain, 100 KB, 32 callers", workers: 32, promptBytes: 100 << 10},
	{name: "stream of 200, 32 callers", workers: 32, promptBytes: 1 << 10, chunks: 200},
	{name: "stream of 100 every 10 ms, 64 callers", workers: 64, promptBytes: 1 << 10, chunks: 100, gap: 10 * time.Millisecond},
}

// model names what the mock provider shall do; it goes through the gateway as it is.
func (s scenario) model() string { return modelName(s.chunks, s.gap) }

func modelName(chunks int, gap time.Duration) string {
	return fmt.Sprintf("mock-%d-%d", chunks, gap.Milliseconds())
}

// models are those of all scenarios, each once.
func models() []string {
	seen := make(map[string]bool)
	var names []string
	for _, s := range scenarios {
		if name := s.model(); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// writeTo stands before the address in a prompt; the mock writes to it.
const writeTo = "Please write to "

// prompts counts all prompts of the program: no two are the same.
var prompts atomic.Int64

// request makes the body of the next call, and the address in it, if any.
func (s scenario) request() (body []byte, email string) {
	n := prompts.Add(1)
	prompt := fmt.Sprintf("This is question %d. ", n)
	if s.email {
		email = fmt.Sprintf("reader.%d@mail.example.com", n)
		prompt += writeTo + email + " about it. "
	}
	prompt += text(int(n), s.promptBytes-len(prompt))
	stream := ""
	if s.chunks > 0 {
		stream = `,"stream":true`
	}
	return fmt.Appendf(nil, `{"model":%q,"messages":[{"role":"user","content":%q}]%s}`, s.model(), prompt, stream), email
}

// book is the English text that prompts are cut from.
var book = writeBook(256 << 10)

// text cuts size bytes out of the book, at another place for each n.
func text(n, size int) string {
	start := n * 7919 % (len(book) - size)
	return book[start : start+size]
}

func writeBook(size int) string {
	words := strings.Fields(`the of and a to in is was that it for on with as by at from this which they
		report server before after team change request answer system because small large people morning Tuesday
		network alert review plan question customer several between without should could account version 2024 15
		careful reading together morning office during budget March 340 percent however machine record`)
	rng := rand.New(rand.NewPCG(1, 2)) // the same book each time
	var b strings.Builder
	for b.Len() < size {
		for range 6 + rng.IntN(10) {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteByte(' ')
		}
		b.WriteString("as we said. ")
	}
	return b.String()
}

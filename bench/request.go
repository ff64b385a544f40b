package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
)

// request is a call as it goes over the wire. It is made once and used again: only
// a mark in its prompt changes, so that no two prompts are the same and the
// callers, who share the machine with what they measure, do next to no work.
type request struct {
	bytes []byte
	marks []int    // where the mark stands
	parts [][]byte // of bytes, as they are sent
	email []byte
}

// prompts counts all prompts of the program.
var prompts atomic.Int64

// A mark is letters, not digits: numbers look like those of cards and accounts,
// which are not for every scenario to hold.
const (
	markLetters = "~~~~~~~~" // as many as a mark has
	writeTo     = "Please write to "
	emailDomain = "@mail.example.com"
)

// request makes the request of one of the scenario's callers.
func (s scenario) request(t target, caller int) request {
	body := func(fill int) string {
		prompt := "This is question " + markLetters + ". "
		if s.email {
			prompt += writeTo + "reader." + markLetters + emailDomain + " about it. "
		}
		prompt += text(caller, fill)
		stream := ""
		if s.answer.chunks > 0 {
			stream = `,"stream":true,"stream_options":{"include_usage":true}`
		}
		switch s.dialect {
		case messages:
			return fmt.Sprintf(`{"model":%q,"max_tokens":4096,"temperature":0.2,"system":"You are a helpful assistant.",`+
				`"messages":[{"role":"user","content":%q}]}`, s.answer.model(), prompt)
		case responses:
			return fmt.Sprintf(`{"model":%q,"store":false,"temperature":0.2,"instructions":"You are a helpful assistant.",`+
				`"input":[{"role":"user","content":%q}]}`, s.answer.model(), prompt)
		}
		return fmt.Sprintf(`{"model":%q%s,"temperature":0.2,"messages":[{"role":"system","content":"You are a helpful assistant."},`+
			`{"role":"user","content":%q}]}`, s.answer.model(), stream, prompt)
	}
	filled := body(s.bodyBytes - len(body(0)))
	r := request{bytes: fmt.Appendf(nil, "POST /v1/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", cmp.Or(s.dialect, "chat/completions"), t.addr, t.key, len(filled), filled)}
	for at := 0; ; at += len(markLetters) {
		next := bytes.Index(r.bytes[at:], []byte(markLetters))
		if next < 0 {
			break
		}
		at += next
		r.marks = append(r.marks, at)
	}
	r.parts = [][]byte{r.bytes}
	if s.answer.early {
		r.parts = [][]byte{r.bytes[:len(r.bytes)/2], r.bytes[len(r.bytes)/2:]}
	}
	if s.email {
		start := r.marks[1] - len("reader.")
		r.email = r.bytes[start : r.marks[1]+len(markLetters)+len(emailDomain)]
	}
	return r
}

// next makes it another prompt.
func (r request) next() {
	n := prompts.Add(1)
	var mark [len(markLetters)]byte
	for i := range mark {
		mark[i] = 'a' + byte(n%26)
		n /= 26
	}
	for _, at := range r.marks {
		copy(r.bytes[at:], mark[:])
	}
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

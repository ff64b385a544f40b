package main

import (
	"bytes"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func (s *stage) waitFile(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: waitfile FILE TEXT")
	}
	for end := time.Now().Add(readyTime); ; {
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		if bytes.Contains(text, []byte(args[1])) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s has no %q: %s", args[0], args[1], text)
		}
		<-time.After(pollTime)
	}
}

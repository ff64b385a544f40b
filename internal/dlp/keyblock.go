package dlp

import "strings"

// Bounds of a block of key material.
const (
	keyBlockMax      = 64 << 10 // what is longer, or has no end, counts up to here
	keyBlockLabelMax = 64       // the name between the dashes
	keyBlockProofMax = 256      // key material must show within so many bytes
	keyBlockProof    = 16       // and this many characters of it in one run
)

const (
	blockBegin = "-----BEGIN "
	blockEnd   = "-----END "
	ssh2Begin  = "---- BEGIN SSH2 "
	ssh2End    = "---- END SSH2 "
)

var notDash = func() *charset {
	var set charset
	for c := range set {
		set[c] = c != '-'
	}
	return &set
}()

// findKeyBlock looks for a private key in armour: PEM, OpenSSH, PGP, SSH2. Its
// lines may be joined, or broken by a written \n. A block without its end counts to
// the end of the text or keyBlockMax. A mere mention of the first line is none.
func findKeyBlock(w *window, at int) (hit, verdict) {
	for _, form := range [...]struct{ begin, end, dashes string }{{blockBegin, blockEnd, "-----"}, {ssh2Begin, ssh2End, "----"}} {
		if h, v := findArmour(w, at, form.begin, form.end, form.dashes); v != no {
			return h, v
		}
	}
	return hit{}, no
}

func findArmour(w *window, at int, begin, end, dashes string) (hit, verdict) {
	rest := w.text[at:]
	if !strings.HasPrefix(rest, begin) {
		return hit{start: at}, openIf(w.more && strings.HasPrefix(begin, rest))
	}
	label, _, closed := strings.Cut(clip(rest[len(begin):], keyBlockLabelMax), dashes)
	if !closed {
		return hit{start: at}, openIf(w.more && len(rest) < len(begin)+keyBlockLabelMax)
	}
	if !strings.Contains(label, "PRIVATE KEY") {
		return hit{}, no
	}
	body := len(begin) + len(label) + len(dashes)
	if !showsKey(clip(rest[body:], keyBlockProofMax)) {
		return hit{start: at}, openIf(w.more && len(rest) < body+keyBlockProofMax)
	}
	block := clip(rest, keyBlockMax)
	if i := strings.Index(block[body:], end); i >= 0 {
		after := body + i + len(end)
		_, _, closed := strings.Cut(clip(block[after:], keyBlockLabelMax), dashes)
		if closed {
			stop := after + strings.Index(block[after:], dashes) + len(dashes)
			return hit{start: at, end: at + stop, id: typePrivateKey}, yes
		}
		if w.more && len(rest) < after+keyBlockLabelMax && len(rest) <= keyBlockMax {
			return hit{start: at}, open
		}
	}
	if w.more && len(rest) <= keyBlockMax {
		return hit{start: at, quiet: notDash, bound: keyBlockMax}, open
	}
	return hit{start: at, end: runeStart(w.text, at+len(block)), id: typePrivateKey}, yes
}

// showsKey says whether text has a run of base64 that is no word.
func showsKey(text string) bool {
	for i := 0; i < len(text); i++ {
		if !base64Std[text[i]] {
			continue
		}
		stop := base64Std.run(text, i, len(text))
		if stop-i >= keyBlockProof && plausible(text[i:stop]) {
			return true
		}
		i = stop
	}
	return false
}

func clip(text string, n int) string { return text[:min(n, len(text))] }

func openIf(undecided bool) verdict {
	if undecided {
		return open
	}
	return no
}

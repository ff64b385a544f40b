package dlp

// Action is what a policy does with a value of some type.
type Action string

// The actions, from the weakest to the strongest.
const (
	Keep     Action = "keep"     // let through, unlooked for
	Tokenize Action = "tokenize" // a placeholder for the model, the value for the client; requests only
	Redact   Action = "redact"   // replaced for good
	Block    Action = "block"    // the call is refused, or the answer ends
)

// strength orders the actions; 0 for what is none of them.
func (a Action) strength() int {
	switch a {
	case Keep:
		return 1
	case Tokenize:
		return 2
	case Redact:
		return 3
	case Block:
		return 4
	}
	return 0
}

func stronger(a, b Action) Action {
	if b.strength() > a.strength() {
		return b
	}
	return a
}

// The modes of a policy.
const (
	Enforce = "enforce" // do what the policy says
	Observe = "observe" // find and note, change nothing
	Off     = "off"     // do not look
)

func modeStrength(mode string) int {
	switch mode {
	case Off:
		return 1
	case Observe:
		return 2
	}
	return 3
}

// What Policy.Unreadable may say of files that cannot be scanned.
const (
	UnreadableBlock = "block"
	UnreadableAllow = "allow"
)

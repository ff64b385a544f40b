package dlp

// TypeSecret is the type under which every kind of secret is reported.
const TypeSecret = "SECRET"

// Found is a match as it is reported to people and programs: all secrets have
// one type, TypeSecret, and Label says of which kind they are. Policies and
// placeholders use the kinds.
type Found struct {
	Start int    `json:"start" doc:"Byte offset"`
	End   int    `json:"end"`
	Type  string `json:"type"`
	Label string `json:"label,omitempty" doc:"The kind of a secret"`
}

// Find reports what Scan finds; it is not nil.
func (e *Engine) Find(text string) []Found {
	found := []Found{}
	for _, m := range e.Scan(text) {
		f := Found{m.Start, m.End, m.Type, ""}
		if m.Category == CategorySecret {
			f.Type, f.Label = TypeSecret, m.Type
		}
		found = append(found, f)
	}
	return found
}

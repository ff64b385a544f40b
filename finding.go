package sallyport

// Finding is one sensitive value that DLP found: where and of what type, never the value.
type Finding struct {
	Type      string `json:"type"`      // e.g. "EMAIL_ADDRESS"
	Direction string `json:"direction"` // "in" to the provider, "out" to the client
	Field     string `json:"field"`     // where in the body, e.g. "messages[0].content"
	Start     int    `json:"start"`     // byte offsets in the decoded text of the field
	End       int    `json:"end"`
	Operator  string `json:"operator"`             // what was done: "tokenize", "redact", "block", "observe"
	ValueHMAC string `json:"value_hmac,omitempty"` // keyed hash, so that equal values can be recognised
}

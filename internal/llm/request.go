package llm

// Dialect names an API's way to write requests and answers.
type Dialect string

// The dialects. A package below internal/dialect decodes and encodes each.
const (
	Chat      Dialect = "chat"      // OpenAI Chat Completions
	Messages  Dialect = "messages"  // Anthropic Messages
	Responses Dialect = "responses" // OpenAI Responses
	Gemini    Dialect = "gemini"    // Google's generateContent; of providers only
	Converse  Dialect = "converse"  // AWS Bedrock's Converse; of providers only

	Completions    Dialect = "completions"    // OpenAI's text completions; of clients only
	Embeddings     Dialect = "embeddings"     // OpenAI Embeddings
	Transcriptions Dialect = "transcriptions" // OpenAI audio transcriptions
)

// Operation is what a model is asked to do.
type Operation string

// The operations. Counting is free.
const (
	Generate    Operation = ""
	CountTokens Operation = "count_tokens" // of the input; nothing is generated
	Embed       Operation = "embed"        // the input is turned into vectors
	Transcribe  Operation = "transcribe"   // sound is turned into text
)

// Request is a request to a model: meaning laid over the body it came in.
// Texts are Values of Body: changing one changes what is sent, in any dialect.
type Request struct {
	Dialect Dialect
	Body    *Document
	// Headers of the client that a provider of the same dialect is to get, by
	// their canonical names: versions and betas. The surface sets them.
	Headers map[string]string

	Operation  Operation
	Model      string
	Stream     bool
	UsageAsked bool   // the client wants the usage of a stream
	OutputMax  int64  // the most tokens of one choice; 0: the client did not say
	Choices    int64  // answers asked for, at least 1
	Session    string // conversation id or cache key that the client named; "": none
	System     []Part
	Messages   []Message
	Tools      []Tool
	ToolChoice ToolChoice
	// Settings hold the JSON of what only some dialects have a name for.
	Settings Settings
	// Signed are texts that bear a provider's signature: whoever changes one spoils
	// the proof, so what must not leave as it is must not leave at all.
	Signed []Value
	// Tokens is input that the client wrote as ids of tokens: a list of them, which is one
	// text, or a list of such lists. Who knows the model's encoding can read it.
	Tokens Value
	// InputTokens is how many tokens the input has, where that is certain; 0: nobody knows.
	InputTokens int64
	// Audio is the sound of a Transcribe, nil for all else.
	Audio *Audio
	// Portable tells, as sallyport.UnsupportedField, of a wish that only the
	// request's own dialect has a word for. Who writes the request in another
	// dialect asks first. Decode sets it.
	Portable func() error
	// Foreign makes what another dialect has no form for into what says the same
	// there; nil: there is nothing of the kind. Decode sets it.
	Foreign func() (*Request, error)
}

// Carried returns the request as another dialect can be told it, with the changes
// made since it was read. Its errors are those of Portable, and
// sallyport.UnsupportedTool.
func (r *Request) Carried() (*Request, error) {
	if err := r.Portable(); err != nil {
		return nil, err
	}
	if r.Foreign == nil {
		return r, nil
	}
	return r.Foreign()
}

// Audio is a file of sound. Nobody here listens to it: its bytes go to the provider as
// they came.
type Audio struct {
	Name      Value // of the file
	MediaType string
	Data      []byte
}

// Role is who speaks in a message.
type Role string

// The roles. System texts in the middle of a conversation keep their place as messages.
const (
	RoleSystem    Role = "system"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleTool      Role = "tool"
)

// Message is one turn.
type Message struct {
	Role  Role
	Parts []Part
}

// PartKind says what a part is.
type PartKind uint8

// The kinds of parts.
const (
	TextPart       PartKind = iota + 1
	ImagePart               // URL, or Data with its MediaType
	FilePart                // a document: URL, or Data with its MediaType; Name
	ToolCallPart            // the model asked for a tool: ToolID, ToolName, Text is the JSON of its arguments
	ToolResultPart          // the tool's answer: ToolID, Parts
	ThinkingPart            // reasoning; meaningful to the dialect it came from, and with a Proof to who gave that
	RefusalPart
	OtherPart // known to its own dialect alone: it cannot be carried to another
)

// Part is a piece of a message. Raw is the whole piece as it came.
type Part struct {
	Kind      PartKind
	Raw       Value
	Text      Value  // the text, where the kind has one
	URL       Value  // of an ImagePart or FilePart: a data: URI or an address
	Data      Value  // of one with its bytes given apart, in base64
	MediaType string // of Data
	Name      Value  // of a FilePart: the file's name
	ToolID    Value
	ToolName  Value
	Parts     []Part // of a ToolResultPart
	IsError   bool   // of a ToolResultPart
	Proof     string // of a ThinkingPart: who signed it, see wire.Proof; "": nobody of another dialect
	Redacted  bool   // of a ThinkingPart: Proof is the thinking itself, encrypted; set by wire.Proven
}

// Tool is a function that the model may ask for.
type Tool struct {
	Raw         Value
	Name        Value
	Description Value
	Schema      Value // JSON Schema of the arguments; Missing: none
}

// ToolChoice is what the client wants of the tools.
type ToolChoice struct {
	Mode string // "", "auto", "none", "required" or "named"
	Name Value  // of "named"
}

// Settings are the sampling and format wishes of a request; a zero Value means
// that the client did not say. They are carried, not interpreted.
type Settings struct {
	Temperature   Value
	TopP          Value
	TopK          Value
	Stop          Value // a string or an array of strings
	ParallelTools Value
	User          Value
	Effort        Value // how much to think: "minimal", "low", "medium", "high", …
	// ThinkingMax is how many tokens to think at most, where that is said in place of
	// Effort; 0: it is not.
	ThinkingMax int64
	Format      Format
}

// HowMuch is how much to think, as a word of Effort, also where it is said in
// tokens; "": it is not said. The bounds lie between the budgets that services have
// for the words: some 1,000 for low, 8,000 for medium, 24,000 for high.
func (s Settings) HowMuch() string {
	const lowMax, mediumMax = 4_096, 16_384
	switch n := s.ThinkingMax; {
	case s.Effort.Text() != "" || n <= 0:
		return s.Effort.Text()
	case n <= lowMax:
		return "low"
	case n <= mediumMax:
		return "medium"
	}
	return "high"
}

// Stops are the texts of Stop that are not empty.
func (s Settings) Stops() (all []string) {
	add := func(_ int, stop Value) bool {
		if text := stop.Text(); text != "" {
			all = append(all, text)
		}
		return true
	}
	add(0, s.Stop) // a string, or none
	s.Stop.Items(add)
	return all
}

// Format is the form that an answer's text is to have.
type Format struct {
	Raw         Value  // the whole wish
	Kind        string // "" or "text": any; "json_object"; "json_schema"
	Name        Value  // of a schema
	Description Value
	Schema      Value
	Strict      Value
}

// Usage is the number of tokens, as a provider reports them. The counts are
// disjoint but for Reasoning, which is a part of Output. It converts to
// sallyport.Usage, whose fields are the same.
type Usage struct {
	Input        int64
	CachedInput  int64
	CacheWrite   int64
	Output       int64
	Reasoning    int64
	AudioSeconds int64 // how long the sound is that was heard
}

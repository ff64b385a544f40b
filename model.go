package sallyport

// Model is one entry of the catalogue: the name that clients send, and who serves it.
type Model struct {
	ID            string // the name in requests, unique
	DisplayName   string
	Provider      string // name of the provider that serves it
	Target        string // the provider's own name for it
	ContextWindow int64  // tokens; 0: unknown
	OutputMax     int64  // most output tokens of one answer; 0: unknown
	ImageTokens   int64  // upper bound of the tokens that one image costs as input
	Price         Price
	// Offline says that no AI answers under this name, only the scripted stand-in.
	Offline bool
	// DLP is the operator's choice for this model; empty: as the organisation says.
	DLP string
}

// Price is what tokens of one model cost.
type Price struct {
	Input       Rate
	CachedInput Rate // tokens the provider read from its prompt cache
	CacheWrite  Rate // tokens the provider wrote to its prompt cache
	Output      Rate
	Reasoning   Rate // output tokens that the model thought with; 0: as Output
	// Version names this price in the trail, so that a charge can be explained later.
	Version string
}

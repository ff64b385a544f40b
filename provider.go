package sallyport

import "time"

// ProviderSettings is a provider that an organisation has set up for itself.
type ProviderSettings struct {
	Org        OrgID
	Name       string // unique in the organisation
	Type       string // which program speaks to it, e.g. "openai" or "anthropic"
	BaseURL    string // empty: the type's own
	Credential []byte // sealed; nil: none
	CreatedAt  time.Time
	// CredentialAt is when the credential was set; zero: there is none, or nobody
	// noted it.
	CredentialAt time.Time
	// Connect, FirstByte and Idle bound the waiting: for a connection, from there to the
	// beginning of an answer, and between two pieces of it. 0: the default.
	Connect, FirstByte, Idle time.Duration
}

// ProviderTimeMax bounds what an organisation can wait for one of its providers.
const ProviderTimeMax = 10 * time.Minute

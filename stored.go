package sallyport

import "time"

// StoredRecord is a Record as it lies in the chain. Body is the bytes that were
// hashed; the chain is verified over them and they are never encoded again.
type StoredRecord struct {
	Seq  int64
	Prev Hash
	Hash Hash
	Body []byte

	// Source is where the call came from. It and the salt lie beside the chain
	// and may be erased: then both are empty, and SourceHash in Body remains.
	Source     Source
	SourceSalt []byte
}

// RecordFilter chooses records of one organisation. Fields that are zero do not restrict.
type RecordFilter struct {
	Before  int64 // only records with a smaller Seq: the next page
	Limit   int   // at most so many; 0: as many as the store gives at once
	Action  string
	Outcome string
	Code    Code
	Key     KeyID
	Model   string // asked for or used
	Call    CallID
	Event   string    // the id of one event
	Actor   UserID    // on whose behalf
	Route   string    // as in the record, such as "POST /v1/chat/completions"
	Finding string    // DLP found something of this type
	Since   time.Time // this instant and later
	Until   time.Time // before this instant
}

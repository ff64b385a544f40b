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

// ChainLink is the place of a record in its chain, without what it tells.
type ChainLink struct {
	Seq  int64
	Prev Hash
	Hash Hash
}

// RecordFilter chooses records of one organisation. Fields that are zero do not restrict.
type RecordFilter struct {
	Before int64 // only records with a smaller Seq: the next page
	After  int64 // only records with a larger Seq
	// Rising asks for the records that come first after After, not for the newest
	// ones: the page before. They are given newest first all the same.
	Rising   bool
	Limit    int   // at most so many; 0: as many as the store gives at once
	ScanMax  int64 // of SearchRecords: about so many are read for one page; 0: as the store does
	Phase    Phase
	Action   string
	Outcome  string
	Code     Code
	Key      KeyID
	Model    string // asked for or used
	Call     CallID
	Event    string    // the id of one event
	Request  string    // the id of one request
	Resource string    // as in the record, such as "key/0197…"
	Address  string    // the caller's, where it is kept
	Actor    UserID    // on whose behalf
	Run      RunID     // steps of that run, and what was done to it
	Route    string    // as in the record, such as "POST /v1/chat/completions"
	Finding  string    // DLP found something of this type
	Since    time.Time // this instant and later
	Until    time.Time // before this instant
}

// FoundRecords is a page of a search, newest first.
type FoundRecords struct {
	Records []StoredRecord
	// Searched is where the search ended before the page was full, because it has
	// looked at as many records as one page may: the next page goes on there, as
	// if it were the Seq of the last record. 0: it did not end early.
	Searched int64
}

// RecordHistogram counts records over time. A record is counted at the latest
// time that its trail had reached when it was written: in a trail whose clock was
// set back, that is not its own.
type RecordHistogram struct {
	Since, Until time.Time
	Bars         []int64 // of equal length, the oldest first
	Estimated    bool    // not every record was counted
}

// Name is what a thing is called that a record knows by its id.
type Name struct {
	Name   string
	Detail string // the e-mail address of a user, the prefix of a key
}

package sallyport

import "time"

// SinkState is how the delivery of the trail to one sink goes.
type SinkState struct {
	Name     string
	Holder   string    // the life of a node that delivers at present
	Failures int       // in a row; 0: the last delivery was taken
	Error    string    // of the last failure
	At       time.Time // of the last attempt
	Next     time.Time // of the next one, after a failure
}

// SinkLag is how far a sink is behind the trails that it follows.
type SinkLag struct {
	Records   int64     // that it has not got
	Oldest    time.Time // when the oldest of them was written; zero: there are none
	Delivered time.Time // when it last got some; zero: never
	Dead      int64     // dead letters
}

// Behind is for how long the oldest record has waited.
func (l SinkLag) Behind(now time.Time) time.Duration {
	if l.Oldest.IsZero() {
		return 0
	}
	return max(now.Sub(l.Oldest), 0)
}

// DeadLetter is a record that a sink went on without: its receiver refused the
// record again and again, and took others.
type DeadLetter struct {
	Org     OrgID
	Sink    string
	Seq     int64
	EventID string
	Error   string // how the receiver refused it, without its words
	At      time.Time
}

// SinkStatus is what an operator, or an administrator for their own
// organisation, is told of a sink.
type SinkStatus struct {
	Name, Type   string
	Format       string
	Own          bool  // it gets the trail of one organisation alone
	Cursor, Head int64 // of that organisation: the last record that it has got, and that there is
	Lag          SinkLag
	Failures     int
	Error        string
	Next         time.Time
}

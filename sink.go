package sallyport

import "time"

// SinkState is how the delivery of the trail to one sink goes.
type SinkState struct {
	Name     string
	Holder   string    // the process that delivers at present
	Until    time.Time // until when nobody else may
	Failures int       // in a row; 0: the last delivery was taken
	Error    string    // of the last failure
	At       time.Time // of the last attempt
	Next     time.Time // of the next one, after a failure
}

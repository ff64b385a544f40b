// Package sink hands the trail on to where an organisation keeps its logs:
// files, webhooks, syslog, Splunk.
//
// A sink follows the trail as it lies in the database, with a cursor of its own
// that is stored too. So nothing is queued in memory, no call ever waits for a
// sink, and a receiver that was down for a day gets the day. The cursor moves
// when the receiver has taken a batch; a process that dies in between sends the
// batch again. Delivery is therefore at least once and in the trail's order, and
// receivers fold repeats by event_id.
//
// Nothing is left out because a receiver is down, slow, or refuses everything.
// A record that it refuses while it takes others becomes a dead letter, so that
// the others need not wait for ever; refused.go says when.
//
// Of several processes on one database one delivers to a sink at a time.
package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// The types of sinks.
const (
	File    = "file"    // lines appended to a file
	Webhook = "webhook" // POST with a signature
	Syslog  = "syslog"  // RFC 5424 over TCP or TLS, octet counting
	Splunk  = "splunk"  // HTTP Event Collector
)

// The formats of a record.
const (
	JSON = "json" // the record's stored bytes
	CEF  = "cef"  // ArcSight's Common Event Format
	OCSF = "ocsf" // Open Cybersecurity Schema Framework, see ocsf.go
)

// Config is one sink.
type Config struct {
	Name   string
	Type   string
	Format string // empty: JSON
	// URL is the receiver: https:// or http:// of a webhook or Splunk, tcp:// or
	// tls:// of syslog. Path is the file.
	URL, Path string
	// Secret signs what a webhook gets, and is the token of Splunk.
	Secret secret.Text
	// CA is a file of certificates that receivers are checked against, PEM;
	// empty: the system's.
	CA string
	// Org is whose trail; empty: all organisations' and the instance's.
	Org sallyport.OrgID
}

// Store is the trail and the state of sinks.
type Store interface {
	Records(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.StoredRecord, error)
	// SinkTrails tells how far a sink has got, in one organisation or all.
	SinkTrails(ctx context.Context, sink string, org sallyport.OrgID) ([]sallyport.Trail, error)
	// AdvanceSink moves the cursor from a number to another; Conflict when it
	// does not stand at the first.
	AdvanceSink(ctx context.Context, sink string, org sallyport.OrgID, from, to int64, at time.Time) error
	// BuryRecords is AdvanceSink behind records that become dead letters, and
	// appends recs to the organisation's trail.
	BuryRecords(ctx context.Context, letters []sallyport.DeadLetter, from, to int64, recs []sallyport.Record) error
	// SinkLag tells how far a sink is behind, in one organisation or all.
	SinkLag(ctx context.Context, sink string, org sallyport.OrgID) (sallyport.SinkLag, error)
	// AddRecord appends a record to a trail.
	AddRecord(ctx context.Context, org sallyport.OrgID, rec sallyport.Record) error
	// HoldSink says whether holder is the one that delivers, for so long unless its
	// life ends. The clocks of those who ask need not agree.
	HoldSink(ctx context.Context, name, holder string, hold time.Duration) (bool, error)
	SaveSinkState(ctx context.Context, s sallyport.SinkState) error
}

// Item is one record on its way.
type Item struct {
	sallyport.StoredRecord
	Record sallyport.Record // as far as the stored bytes can be read
}

func itemOf(r sallyport.StoredRecord) Item {
	item := Item{StoredRecord: r}
	if json.Unmarshal(r.Body, &item.Record) != nil {
		item.Record = sallyport.Record{Seq: r.Seq, Action: "damaged"}
	}
	return item
}

// receiver takes batches. An error means that the batch was not taken, or that
// nobody knows; a *refusedError, that sending it again would not help.
type receiver interface {
	send(ctx context.Context, batch []Item) error
}

// Options are what a Follower needs besides its sinks.
type Options struct {
	Store   Store
	Holder  string // this life of the node: one that has ended holds up nobody
	Version string // of the program, for CEF and OCSF
	// Event builds the record of what happens to a sink.
	Event func(org sallyport.OrgID, action, resource string, change any) sallyport.Record
	Now   func() time.Time
	Log   *slog.Logger
	// Wait waits, or returns earlier when ctx ends; nil: by the clock.
	Wait func(ctx context.Context, d time.Duration)
}

// New returns a Follower of one sink, or what is wrong with its Config.
func New(c Config, o Options) (*Follower, error) {
	if c.Format == "" {
		c.Format = JSON
	}
	if err := Check(c); err != nil {
		return nil, err
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	encode := encoderOf(c.Format, o.Version)
	f := &Follower{cfg: c, o: o, size: batchRecords, refused: make(map[sallyport.OrgID]*refusal)}
	var err error
	switch c.Type {
	case File:
		f.to = &file{path: c.Path, encode: encode}
	case Webhook:
		f.to, err = newWebhook(c, encode, o.Now)
	case Splunk:
		f.to, err = newSplunk(c, encode, o)
	case Syslog:
		f.to, err = newSyslog(c, encode)
	}
	return f, err
}

// tryTime bounds an attempt that somebody waits for.
const tryTime = 15 * time.Second

// Try sends one record now, beside what a Follower delivers: a receiver gets it
// twice. The error has no address and no secret in it.
func Try(ctx context.Context, c Config, o Options, r sallyport.StoredRecord) error {
	f, err := New(c, o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	if err := f.to.send(ctx, []Item{itemOf(r)}); err != nil {
		return plain(err)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Check says what is wrong with a Config, naming the field and the remedy.
func Check(c Config) error {
	switch {
	case c.Name == "":
		return errors.New("name is missing: what a sink has got is remembered by its name")
	case c.Format != "" && c.Format != JSON && c.Format != CEF && c.Format != OCSF:
		return fmt.Errorf("format: %q is not one of json, cef, ocsf", c.Format)
	}
	schemes := []string{"https", "http"}
	switch c.Type {
	case File:
		if c.Path == "" || c.URL != "" {
			return errors.New("path: name the file, and no url")
		}
		return nil
	case Webhook, Splunk:
		if c.Secret == "" {
			return errors.New("secret is missing: it signs what a webhook gets, and is the token of Splunk; write ${VAR} to take it from the environment")
		}
	case Syslog:
		schemes = []string{"tcp", "tls"}
	default:
		return fmt.Errorf("type: %q is not one of file, webhook, syslog, splunk", c.Type)
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != schemes[0] && u.Scheme != schemes[1] {
		return fmt.Errorf("url: it must be %s://host or %s://host", schemes[0], schemes[1]) // without the value: it may have a token in it
	}
	return nil
}

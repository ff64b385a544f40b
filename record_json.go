package sallyport

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Each call writes two records, and encoding/json took a third of the time that
// it takes to write one. So the members that every record has are written by
// hand here, and the bytes are those that encoding/json would write: a test
// fills every field and compares, and so finds one that is forgotten here. What
// few records have is left to encoding/json.

// recordRoom is what most records fit into, in bytes.
const recordRoom = 1536

// encode returns the record as one line of JSON.
func (r *Record) encode() ([]byte, error) {
	l := line{b: make([]byte, 0, recordRoom+len(r.Change))}
	l.open()
	l.number("v", int64(r.Version))
	l.text("event_id", r.EventID)
	l.number("org_seq", r.Seq)
	l.text("phase", string(r.Phase))
	l.time("time", r.Time)
	l.textIf("node", r.Node)
	l.textIf("boot_id", r.Boot)
	l.text("org_id", string(r.Org))
	l.key("actor")
	l.actor(r.Actor)
	l.text("action", r.Action)

	l.textIf("call_id", string(r.Call))
	l.textIf("request_id", r.RequestID)
	l.textIf("run_id", string(r.Run))
	l.numberIf("run_step", int64(r.RunStep))
	l.textIf("route", r.Route)
	l.textIf("resource", r.Resource)

	l.textIf("model_requested", r.ModelRequested)
	l.textIf("model_used", r.ModelUsed)
	l.textIf("provider", r.Provider)
	l.trueIf("stream", r.Stream)
	if len(r.Attempts) > 0 {
		list(&l, "attempts", r.Attempts, l.attempt)
	}

	l.textIf("outcome", r.Outcome)
	l.numberIf("status", int64(r.Status))
	l.textIf("error_code", string(r.Code))

	l.numberIf("latency_ms", r.LatencyMS)
	l.numberIf("ttft_ms", r.TTFTMS)
	l.numberIf("bytes_in", r.BytesIn)
	l.numberIf("bytes_out", r.BytesOut)
	l.numberIf("delivered_chars", r.Delivered)

	if r.Tokens != nil {
		l.key("tokens")
		l.tokens(r.Tokens)
	}
	if r.Cost != nil {
		l.key("cost")
		l.cost(r.Cost)
	}
	if len(r.Limits) > 0 {
		list(&l, "rate", r.Limits, l.limit)
	}
	if r.DLP != nil {
		l.key("dlp")
		l.dlp(r.DLP)
	}
	if len(r.Change) > 0 {
		l.key("change")
		l.any(r.Change)
	}

	l.numberIf("suppressed", r.Suppressed)
	l.textIf("source_hash", r.SourceHash)
	l.close()
	return l.b, l.err
}

func (l *line) actor(a Actor) {
	l.open()
	l.text("type", a.Type)
	l.textIf("user_id", string(a.User))
	l.textIf("key_id", string(a.Key))
	l.textIf("key_prefix", a.KeyPrefix)
	l.textIf("role", string(a.Role))
	l.close()
}

func (l *line) attempt(a *Attempt) {
	l.open()
	l.text("provider", a.Provider)
	l.text("target", a.Target)
	l.numberIf("status", int64(a.Status))
	l.textIf("code", string(a.Code))
	l.number("ms", a.MS)
	l.textIf("upstream_request_id", a.UpstreamRequestID)
	l.close()
}

func (l *line) tokens(t *RecordTokens) {
	l.open()
	l.number("input", t.Input)
	l.numberIf("cached_input", t.CachedInput)
	l.numberIf("cache_write", t.CacheWrite)
	l.number("output", t.Output)
	l.numberIf("reasoning", t.Reasoning)
	l.text("source", t.Source)
	l.trueIf("clamped", t.Clamped)
	l.close()
}

func (l *line) cost(c *RecordCost) {
	l.open()
	l.numberIf("hold_micros", int64(c.Hold))
	l.numberIf("charge_micros", int64(c.Charge))
	l.numberIf("balance_micros", int64(c.Balance))
	l.trueIf("overrun", c.Overrun)
	l.trueIf("estimated", c.Estimated)
	l.textIf("price_version", c.PriceVersion)
	if c.Budget != nil {
		l.key("budget")
		l.any(c.Budget)
	}
	l.close()
}

func (l *line) limit(s *RecordLimit) {
	l.open()
	l.text("scope", s.Scope)
	l.text("unit", s.Unit)
	l.number("limit", s.Limit)
	l.number("remaining", s.Remaining)
	l.close()
}

func (l *line) dlp(d *RecordDLP) {
	l.open()
	l.text("mode", d.Mode)
	l.textIf("policy_version", d.PolicyVersion)
	l.textIf("action", d.Action)
	if len(d.Findings) > 0 {
		l.key("findings")
		l.any(d.Findings)
	}
	if len(d.Counts) > 0 {
		l.key("counts")
		l.any(d.Counts)
	}
	l.numberIf("restore_missed", int64(d.RestoreMissed))
	l.close()
}

// line is JSON being written. The methods that end in If leave out what is zero.
type line struct {
	b   []byte
	err error // the first
}

func (l *line) open()  { l.b = append(l.b, '{') }
func (l *line) close() { l.b = append(l.b, '}') }

func (l *line) key(name string) {
	if l.b[len(l.b)-1] != '{' {
		l.b = append(l.b, ',')
	}
	l.b = append(l.b, '"')
	l.b = append(l.b, name...)
	l.b = append(l.b, '"', ':')
}

func (l *line) text(name, v string) {
	l.key(name)
	if !plain(v) {
		l.any(v)
		return
	}
	l.b = append(l.b, '"')
	l.b = append(l.b, v...)
	l.b = append(l.b, '"')
}

// plain says that encoding/json writes v as it stands.
func plain(v string) bool {
	for i := range len(v) {
		if !asItStands[v[i]] {
			return false
		}
	}
	return true
}

// asItStands are the bytes that encoding/json does not escape.
var asItStands = func() (stands [256]bool) {
	for c := ' '; c <= '~'; c++ {
		stands[c] = !strings.ContainsRune(`"\<>&`, c)
	}
	return stands
}()

func (l *line) textIf(name, v string) {
	if v != "" {
		l.text(name, v)
	}
}

func (l *line) number(name string, v int64) {
	l.key(name)
	l.b = strconv.AppendInt(l.b, v, 10)
}

func (l *line) numberIf(name string, v int64) {
	if v != 0 {
		l.number(name, v)
	}
}

func (l *line) trueIf(name string, v bool) {
	if v {
		l.key(name)
		l.b = append(l.b, "true"...)
	}
}

func (l *line) time(name string, v time.Time) {
	l.key(name)
	if year := v.Year(); year < 0 || year > 9999 || v.Location() != time.UTC {
		l.any(v) // has its own rules for them
		return
	}
	l.b = append(l.b, '"')
	l.b = v.AppendFormat(l.b, time.RFC3339Nano)
	l.b = append(l.b, '"')
}

// any leaves a value to encoding/json.
func (l *line) any(v any) {
	text, err := json.Marshal(v)
	if err != nil && l.err == nil {
		l.err = err
	}
	l.b = append(l.b, text...)
}

func list[T any](l *line, name string, all []T, write func(*T)) {
	l.key(name)
	l.b = append(l.b, '[')
	for i := range all {
		if i > 0 {
			l.b = append(l.b, ',')
		}
		write(&all[i])
	}
	l.b = append(l.b, ']')
}

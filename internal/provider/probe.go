package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dial"
)

// Probe tells, without asking a model, whether a provider can be reached and
// takes our credential. It asks for the list of models, once, and waits no longer
// than ProbeTime. Errors are those of Provider.
func (d *Directory) Probe(ctx context.Context, org sallyport.OrgID, name string) (Probe, error) {
	found, err := d.Provider(ctx, org, name)
	if err != nil {
		return Probe{}, err
	}
	p, can := found.(prober)
	if !can {
		return Probe{}, sallyport.NewError(sallyport.Conflict, "a provider of this type cannot be tested: test one of its models")
	}
	return p.probe(ctx), nil
}

// prober is what a Provider can be that has a list of models.
type prober interface {
	probe(ctx context.Context) Probe
}

// Probe is what came of it.
type Probe struct {
	Failure Failure
	Status  int                    // the provider's, 0: it did not come so far
	Models  []sallyport.ModelOffer // at most ProbeModelsMax
	Partial bool                   // there are more
	Took    time.Duration
}

// The bounds of a probe.
const (
	ProbeTime      = 10 * time.Second
	ProbeModelsMax = 1_000
	probePagesMax  = 10
	probeBodyMax   = 4 << 20 // of one page
)

// Failure says at which step a provider could not be used; "": at none.
type Failure string

// The steps, in their order.
const (
	NoName       Failure = "dns"          // its host has no address
	NotAllowed   Failure = "address"      // an address that may not be dialled
	NoConnection Failure = "connection"   // nobody answers there
	NoTLS        Failure = "tls"          // the certificate, or no TLS at all
	TooLate      Failure = "timeout"      // no answer in time
	Unauthorized Failure = "unauthorized" // the credential is refused
	RateLimited  Failure = "rate_limited" // the provider wants fewer calls
	NoList       Failure = "no_list"      // it answers, and has no list of models
	BadStatus    Failure = "status"       // any other status that is no success
	BadAnswer    Failure = "answer"       // not what its API promises
)

// Meaning says what a failed step means, and what to do about it.
func (f Failure) Meaning() string {
	switch f {
	case "":
		return "The provider answers and takes the credential."
	case NoName:
		return "The host of the address has no entry in DNS. Check its spelling, or the resolver of this server."
	case NotAllowed:
		return "The address is not on the public internet. The operator can allow its network in private_networks."
	case NoConnection:
		return "Nobody answers at the address. Check host and port, and whether a firewall is between."
	case NoTLS:
		return "No secure connection could be made: the certificate is not valid for the host, or no TLS is spoken there."
	case TooLate:
		return "The provider did not answer in time."
	case Unauthorized:
		return "The provider refuses the credential. Replace the key."
	case RateLimited:
		return "The provider takes the connection, but wants fewer calls at the moment."
	case NoList:
		return "The provider answers, but has no list of models at this address. Check the end of the address, or test a model."
	case BadStatus:
		return "The provider answers with a failure of its own."
	}
	return "What answers there does not speak the provider's API. Check type and address."
}

// FailureOf finds the step in the error of a call; BadAnswer for what is none of
// the others.
func FailureOf(err error) Failure {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var failed *net.OpError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, dial.ErrRefused):
		return NotAllowed
	case errors.As(err, &name) && !name.IsTimeout:
		return NoName
	case errors.As(err, &certificate), errors.As(err, &invalid), errors.As(err, &record), errors.As(err, &alert), noTLSThere(err):
		return NoTLS
	case timedOut(err), sallyport.CodeOf(err) == sallyport.UpstreamTimeout:
		return TooLate
	case sallyport.CodeOf(err) == sallyport.UpstreamAuth:
		return Unauthorized
	case sallyport.CodeOf(err) == sallyport.UpstreamUnreachable, errors.As(err, &failed) && failed.Op == "dial":
		return NoConnection
	}
	return BadAnswer
}

// noTLSThere tells that what answered spoke plain HTTP; net/http has no type for it.
func noTLSThere(err error) bool {
	return err != nil && err.Error() == "http: server gave HTTP response to HTTPS client"
}

func timedOut(err error) bool {
	var late net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errFirstByteLate) || errors.Is(err, errIdle) ||
		errors.As(err, &late) && late.Timeout()
}

// probe gets the list, page after page. Its connection, headers and rules are those
// of calls.
func (c *client) probe(ctx context.Context, path, query string) (p Probe) {
	ctx, cancel := context.WithTimeout(ctx, ProbeTime)
	defer cancel()
	begun := time.Now()
	defer func() { p.Took = time.Since(begun) }()
	var offers []sallyport.ModelOffer
	next, cut := "", false
	for page := 1; ; page++ {
		var more string
		p, more = c.getList(ctx, path, strings.Trim(query+"&"+next, "&"))
		offers, cut = append(offers, p.Models...), cut || p.Partial
		if p.Failure != "" || more == "" || more == next || page == probePagesMax || len(offers) >= ProbeModelsMax {
			p.Partial = p.Failure == "" && (cut || more != "" || len(offers) > ProbeModelsMax)
			p.Models = offers[:min(len(offers), ProbeModelsMax)]
			return p
		}
		next = more
	}
}

// getList gets one page, and the query of the next.
func (c *client) getList(ctx context.Context, path, query string) (p Probe, next string) {
	address := asking(c.below(path), query)
	r := &http.Request{
		Method: http.MethodGet, URL: address, Host: address.Host, Header: c.plain.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	r.Header.Del("Content-Type")
	r = r.WithContext(ctx)
	if c.authorize != nil {
		if _, err := c.authorize(r, nil); err != nil {
			return Probe{Failure: FailureOf(err)}, ""
		}
	}
	response, err := c.transport.RoundTrip(r)
	if err != nil {
		return Probe{Failure: wireFailure(err)}, ""
	}
	defer response.Body.Close()
	p = Probe{Status: response.StatusCode, Failure: statusFailure(response.StatusCode)}
	if p.Failure != "" {
		return p, ""
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, probeBodyMax))
	if err != nil {
		p.Failure = FailureOf(err)
		return p, ""
	}
	p.Models, p.Partial, next, err = listed(body)
	if err != nil {
		p.Failure = BadAnswer
	}
	return p, next
}

// wireFailure is FailureOf for an error of the transport: where it is of no other
// kind, nobody was reached.
func wireFailure(err error) Failure {
	if f := FailureOf(err); f != BadAnswer {
		return f
	}
	if malformed(err) {
		return BadAnswer
	}
	return NoConnection
}

func statusFailure(status int) Failure {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Unauthorized
	case status == http.StatusTooManyRequests:
		return RateLimited
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return NoList
	case status < 200 || status >= 300:
		return BadStatus
	}
	return ""
}

func (p *openAI) probe(ctx context.Context) Probe { return p.client.probe(ctx, "/models", "") }

func (p *anthropic) probe(ctx context.Context) Probe {
	return p.client.probe(ctx, anthropicPath(p.client.base, "/models"), "limit=1000")
}

// A list has nothing that could be refused but the key: this API says 400 of one
// that it does not know.
func (p *geminiAPI) probe(ctx context.Context) Probe {
	found := p.client.probe(ctx, "/models", "pageSize=1000")
	if found.Status == http.StatusBadRequest {
		found.Failure = Unauthorized
	}
	return found
}

// A script is always there.
func (o *offline) probe(context.Context) Probe { return Probe{} }

var (
	_ prober = (*openAI)(nil)
	_ prober = (*anthropic)(nil)
	_ prober = (*geminiAPI)(nil)
	_ prober = (*offline)(nil)
)

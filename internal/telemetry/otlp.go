package telemetry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sallyport-ai/sallyport"
)

// The names of OpenTelemetry's semantic conventions for generative AI, as far
// as calls have what they name.
const (
	operationName = attribute.Key("gen_ai.operation.name")
	providerName  = attribute.Key("gen_ai.provider.name")
	requestModel  = attribute.Key("gen_ai.request.model")
	responseModel = attribute.Key("gen_ai.response.model")
	inputTokens   = attribute.Key("gen_ai.usage.input_tokens")
	outputTokens  = attribute.Key("gen_ai.usage.output_tokens")
	cachedTokens  = attribute.Key("gen_ai.usage.cache_read.input_tokens")
	cacheTokens   = attribute.Key("gen_ai.usage.cache_creation.input_tokens")
	tokenType     = attribute.Key("gen_ai.token.type")
	errorType     = attribute.Key("error.type")
	httpStatus    = attribute.Key("http.response.status_code")
	httpRoute     = attribute.Key("http.route")

	callID    = attribute.Key("sallyport.call.id")
	requestID = attribute.Key("sallyport.request.id")
	orgID     = attribute.Key("sallyport.org.id")
	runID     = attribute.Key("sallyport.run.id")
	streaming = attribute.Key("sallyport.stream")
	charge    = attribute.Key("sallyport.charge.microcredits")
	dlpAction = attribute.Key("sallyport.dlp.action")
	findings  = attribute.Key("sallyport.dlp.findings")
	upstream  = attribute.Key("sallyport.upstream.request_id")
)

// scope names this program as the source of spans and metrics.
const scope = "github.com/sallyport-ai/sallyport"

// otlp sends to a collector. Both of its providers send from goroutines of
// their own, out of bounded queues, and drop what does not fit.
type otlp struct {
	traces  *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
	tracer  trace.Tracer
	models  names
	servers names

	tokens     metric.Int64Histogram
	duration   metric.Float64Histogram
	firstToken metric.Float64Histogram
}

// The bounds that the conventions give for these histograms.
var (
	tokenBounds   = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
	secondsBounds = []float64{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
)

func startOTLP(ctx context.Context, opt Options) (*otlp, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		opt.Log.Warn(errNotSent.Error(), "error", err)
	}))
	about, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "sallyport"), attribute.String("service.version", opt.Version),
		attribute.String("service.instance.id", opt.Node)))
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	base := strings.TrimRight(opt.OTLPEndpoint, "/")
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("telemetry: traces: %w", err)
	}
	numbers, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(base+"/v1/metrics"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("telemetry: metrics: %w", err), spans.Shutdown(ctx))
	}
	o := &otlp{
		traces: sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans), sdktrace.WithResource(about)),
		meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(numbers)), sdkmetric.WithResource(about)),
	}
	o.tracer = o.traces.Tracer(scope, trace.WithInstrumentationVersion(opt.Version))
	return o, errors.Join(o.instruments(), ctx.Err())
}

func (o *otlp) instruments() error {
	m := o.meters.Meter(scope)
	var errs [3]error
	o.tokens, errs[0] = m.Int64Histogram("gen_ai.client.token.usage", metric.WithUnit("{token}"),
		metric.WithDescription("Tokens of input and output of a call."), metric.WithExplicitBucketBoundaries(tokenBounds...))
	o.duration, errs[1] = m.Float64Histogram("gen_ai.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of a call."), metric.WithExplicitBucketBoundaries(secondsBounds...))
	o.firstToken, errs[2] = m.Float64Histogram("gen_ai.server.time_to_first_token", metric.WithUnit("s"),
		metric.WithDescription("From a call's arrival to the first piece of its answer."), metric.WithExplicitBucketBoundaries(secondsBounds...))
	return errors.Join(errs[:]...)
}

func (o *otlp) stop(ctx context.Context) error {
	err := errors.Join(o.traces.Shutdown(ctx), o.meters.Shutdown(ctx))
	if err != nil {
		return fmt.Errorf("send the last of the telemetry: %w", err)
	}
	return nil
}

// chat is the one operation of models that calls have so far.
const chat = "chat"

// begin begins the span of a call. Its model is not known yet.
func (o *otlp) begin(ctx context.Context, call *sallyport.Call) context.Context {
	attributes := []attribute.KeyValue{
		operationName.String(chat), httpRoute.String(call.Route), streaming.Bool(call.Stream),
		callID.String(string(call.ID)), requestID.String(call.RequestID), orgID.String(string(call.Principal.Org)),
	}
	if call.Run != "" {
		attributes = append(attributes, runID.String(string(call.Run)))
	}
	ctx, _ = o.tracer.Start(ctx, chat, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
	return ctx
}

// attempt begins the span of one request to a provider.
func (o *otlp) attempt(ctx context.Context, call *sallyport.Call) (context.Context, func(sallyport.Attempt)) {
	ctx, span := o.tracer.Start(ctx, chat+" "+call.Model.ID, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		operationName.String(chat), requestModel.String(call.Model.ID)))
	return ctx, func(a sallyport.Attempt) {
		span.SetAttributes(providerName.String(a.Provider), responseModel.String(a.Target))
		if a.Status != 0 {
			span.SetAttributes(httpStatus.Int(a.Status))
		}
		if a.UpstreamRequestID != "" {
			span.SetAttributes(upstream.String(a.UpstreamRequestID))
		}
		failed(span, a.Code)
		span.End()
	}
}

func failed(span trace.Span, code sallyport.Code) {
	if code != "" {
		span.SetAttributes(errorType.String(string(code)))
		span.SetStatus(codes.Error, string(code))
	}
}

// end ends the call's span and counts what it used.
func (o *otlp) end(ctx context.Context, e ended) {
	c := e.call
	span := trace.SpanFromContext(ctx)
	if c.Model.ID != "" {
		span.SetName(chat + " " + c.Model.ID)
		span.SetAttributes(requestModel.String(c.Model.ID), providerName.String(e.served()))
	}
	input := c.Usage.Input + c.Usage.CachedInput + c.Usage.CacheWrite // the conventions count all of it
	if c.Admitted {
		span.SetAttributes(inputTokens.Int64(input), outputTokens.Int64(c.Usage.Output),
			cachedTokens.Int64(c.Usage.CachedInput), cacheTokens.Int64(c.Usage.CacheWrite), charge.Int64(int64(c.Charge)))
	}
	if c.DLP.Action != "" {
		span.SetAttributes(dlpAction.String(c.DLP.Action))
	}
	if n := found(c.DLP); n > 0 {
		span.SetAttributes(findings.Int(n))
	}
	span.SetAttributes(httpStatus.Int(e.status))
	failed(span, e.code)
	span.End()
	o.measure(ctx, e, input)
}

func found(r sallyport.DLPResult) (n int) {
	for _, count := range r.Counts {
		n += count
	}
	return n
}

func (o *otlp) measure(ctx context.Context, e ended, input int64) {
	c := e.call
	about := []attribute.KeyValue{
		operationName.String(chat), requestModel.String(o.models.bounded(c.Model.ID)),
		providerName.String(o.servers.bounded(e.served())),
	}
	if c.Admitted {
		o.tokens.Record(ctx, input, metric.WithAttributes(append(about, tokenType.String("input"))...))
		o.tokens.Record(ctx, c.Usage.Output, metric.WithAttributes(append(about, tokenType.String("output"))...))
		if !c.FirstByteAt.IsZero() {
			o.firstToken.Record(ctx, c.FirstByteAt.Sub(c.StartedAt).Seconds(), metric.WithAttributes(about...))
		}
	}
	if e.code != "" {
		about = append(about, errorType.String(string(e.code)))
	}
	o.duration.Record(ctx, e.took.Seconds(), metric.WithAttributes(about...))
}

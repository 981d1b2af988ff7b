import { type Context, context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';

/** A W3C trace context as it travels in record headers. */
export interface TraceHeaders {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

const none: TraceHeaders = Object.freeze({ traceparent: undefined, tracestate: undefined });

/** The active span's trace context, written by the application's own propagator. Empty when no OpenTelemetry SDK is installed. */
export function activeTraceHeaders(): TraceHeaders {
  const active = context.active();
  if (trace.getSpanContext(active) === undefined) return none;
  const carrier: { traceparent?: string; tracestate?: string } = {};
  propagation.inject(active, carrier);
  return { traceparent: carrier.traceparent, tracestate: carrier.tracestate };
}

/** The context to run a task's handling in: that of whoever enqueued it. The root context when there is none. */
export function contextOf(headers: TraceHeaders): Context {
  if (headers.traceparent === undefined) return ROOT_CONTEXT;
  return propagation.extract(ROOT_CONTEXT, {
    traceparent: headers.traceparent,
    ...(headers.tracestate === undefined ? {} : { tracestate: headers.tracestate }),
  });
}

/** Runs a handler in the trace of whoever enqueued its task. */
export function inTraceOf<R>(headers: TraceHeaders, run: () => R): R {
  return headers.traceparent === undefined ? run() : context.with(contextOf(headers), run);
}

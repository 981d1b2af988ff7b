import {
  type Context,
  type ContextManager,
  context,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { afterEach, expect, test } from 'vitest';
import { activeTraceHeaders, contextOf } from './trace-context.ts';

const spanContext = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: 1,
};
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

afterEach(() => {
  context.disable();
  propagation.disable();
});

test('without an SDK nothing is written and nothing is read', () => {
  expect(activeTraceHeaders()).toEqual({ traceparent: undefined, tracestate: undefined });
  const read = contextOf({ traceparent, tracestate: undefined });
  expect(trace.getSpanContext(read)).toBeUndefined();
});

test('the active span travels in headers and comes back', () => {
  installSdk();
  const headers = context.with(trace.setSpanContext(ROOT_CONTEXT, spanContext), activeTraceHeaders);
  expect(headers).toEqual({ traceparent, tracestate: undefined });
  expect(trace.getSpanContext(contextOf(headers))).toMatchObject({ ...spanContext, isRemote: true });
});

test('a task without a trace is handled in the root context', () => {
  installSdk();
  expect(contextOf({ traceparent: undefined, tracestate: 'a=1' })).toBe(ROOT_CONTEXT);
});

/** As much of an SDK as the API needs: a context manager and a W3C propagator. */
function installSdk(): void {
  let active: Context = ROOT_CONTEXT;
  const manager: ContextManager = {
    active: () => active,
    with(next, fn, thisArg, ...args) {
      const before = active;
      active = next;
      try {
        return fn.call(thisArg as ThisParameterType<typeof fn>, ...args); // the API hands over what fn expects
      } finally {
        active = before;
      }
    },
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  const propagator: TextMapPropagator = {
    fields: () => ['traceparent', 'tracestate'],
    inject(from, carrier, setter) {
      const span = trace.getSpanContext(from);
      if (span) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-0${span.traceFlags}`);
    },
    extract(into, carrier, getter) {
      const [, traceId = '', spanId = '', flags = ''] = String(getter.get(carrier, 'traceparent')).split('-');
      return trace.setSpanContext(into, { traceId, spanId, traceFlags: Number(flags), isRemote: true });
    },
  };
  context.setGlobalContextManager(manager);
  propagation.setGlobalPropagator(propagator);
}

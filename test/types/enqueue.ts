import { queue } from './queue.ts';

void queue.enqueue('recording.events', {
  sessionId: 'a',
  startedAt: '2026-01-01',
  events: [{ any: 'thing' }],
});
void queue.enqueue('mail.send', { to: 'a@example.org', attempts: '3' });

// @ts-expect-error says '"recording.event"' is not assignable to parameter of type '"mail.send" | "recording.events"'
void queue.enqueue('recording.event', { sessionId: 'a', startedAt: 0, events: [] });

// @ts-expect-error says Type 'number' is not assignable to type 'string'
void queue.enqueue('recording.events', { sessionId: 1, startedAt: 0, events: [] });

// @ts-expect-error says Property 'events' is missing
void queue.enqueue('recording.events', { sessionId: 'a', startedAt: 0 });

// The wire form is asked for, not what handlers get.
// @ts-expect-error says Type 'number' is not assignable to type 'string'
void queue.enqueue('mail.send', { to: 'a@example.org', attempts: 3 });

import { record } from '/rrweb/rrweb.js';
import { Uploader } from './uploader.js';

const words = {
  saving: 'Recording',
  saved: 'Recording',
  retrying: 'Recording, server not reachable',
  refused: 'Recording stopped',
};

/**
 * Records this visit from now until the page is left. `indicator` shows how it goes; it carries the class `rr-block`, so
 * that the recording does not record itself being recorded.
 */
export function recordVisit(indicator) {
  const sessionId = `visit-${crypto.randomUUID().slice(0, 13)}`;
  const uploader = new Uploader({
    url: '/ingest',
    sessionId,
    onChange: ({ state, accepted }) => {
      indicator.dataset.state = state;
      indicator.textContent = `${words[state]} · ${accepted} ${accepted === 1 ? 'chunk' : 'chunks'} saved`;
    },
  });
  indicator.dataset.session = sessionId;
  const stop = record({
    emit: (event) => uploader.add(event),
    blockClass: 'rr-block',
    maskInputOptions: { password: true },
    sampling: { mousemove: 50, scroll: 100, input: 'all' },
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') uploader.flush();
  });
  addEventListener('pagehide', () => {
    stop();
    uploader.leave();
  });
  // A page that comes back out of the browser's memory has ended its recording: begin another.
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
}

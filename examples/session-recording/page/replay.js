import { Replayer } from '/rrweb/rrweb.js';

/** A visit that has just ended may still be on its way through the queue: ask again for this long. */
const ARRIVAL_TRIES = 20;
const ARRIVAL_PAUSE_MS = 250;

const byId = (id) => document.getElementById(id);
const controls = ['play', 'seek', 'to-end'].map(byId);

let replayer;
let playing = false;
/** Counts the choices made, so that a slow answer to an older one is not shown. */
let choice = 0;

async function listRecordings() {
  const recordings = await (await fetch('/recordings')).json();
  byId('recordings').replaceChildren(...recordings.map(recordingLink));
  if (recordings.length === 0) byId('message').textContent = 'No recordings yet. Visit the shop first.';
  return recordings;
}

function recordingLink({ sessionId, events, startedAt, endedAt, complete }) {
  const link = document.createElement('a');
  link.href = `#${sessionId}`;
  link.textContent = sessionId;
  if (sessionId === chosen()) link.setAttribute('aria-current', 'true');
  const facts = document.createElement('small');
  const when = new Date(startedAt).toLocaleString();
  facts.textContent = `${when} · ${clock(endedAt - startedAt)} · ${events} events${complete ? '' : ' · still open'}`;
  link.append(facts);
  return link;
}

const chosen = () => decodeURIComponent(location.hash.slice(1));

async function show(sessionId) {
  choice += 1;
  const mine = choice;
  stop();
  say(sessionId === '' ? 'Choose a recording.' : 'Loading …');
  if (sessionId === '') return;
  const events = await arrived(sessionId, () => mine !== choice);
  if (mine !== choice) return;
  if (events === undefined) return say('There is no such recording.');
  if (events.length < 2) return say('This recording is too short to be played.');
  start(events);
}

/** The recording's events, waiting for one that has just ended; what is there, when its end does not come. */
async function arrived(sessionId, givenUp) {
  for (let tried = 1; !givenUp(); tried += 1) {
    const recordings = await listRecordings();
    const found = recordings.find((recording) => recording.sessionId === sessionId);
    if (found?.complete || tried === ARRIVAL_TRIES) break;
    await new Promise((resolve) => setTimeout(resolve, ARRIVAL_PAUSE_MS));
  }
  const response = await fetch(`/recordings/${sessionId}`);
  return response.ok ? (await response.json()).events : undefined;
}

function start(events) {
  byId('stage').replaceChildren();
  replayer = new Replayer(events, {
    root: byId('stage'),
    mouseTail: false,
    speed: Number(byId('speed').value),
  });
  replayer.on('finish', () => setPlaying(false));
  replayer.on('resize', scaleToRoom);
  byId('seek').max = String(totalMs());
  for (const control of controls) control.disabled = false;
  goTo(0);
  scaleToRoom();
  replayer.play();
  setPlaying(true);
}

function stop() {
  replayer?.destroy();
  replayer = undefined;
  setPlaying(false);
  for (const control of controls) control.disabled = true;
  delete byId('stage').dataset.at;
}

const totalMs = () => replayer.getMetaData().totalTime;

/** Shows the page as it was at this time, and stays there. */
function goTo(ms) {
  replayer.pause(ms);
  setPlaying(false);
  tell(ms);
}

function setPlaying(now) {
  playing = now;
  byId('play').textContent = playing ? 'Pause' : 'Play';
}

function say(text) {
  const message = Object.assign(document.createElement('p'), {
    id: 'message',
    className: 'nothing',
    textContent: text,
  });
  byId('stage').replaceChildren(message);
  byId('stage').style.height = '';
}

function clock(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function tell(ms) {
  byId('seek').value = String(ms);
  byId('clock').textContent = `${clock(ms)} / ${clock(totalMs())}`;
  byId('stage').dataset.at = ms > totalMs() ? 'end' : String(Math.round(ms));
}

/** Scales the recorded window to the room there is. */
function scaleToRoom() {
  const wrapper = byId('stage').querySelector('.replayer-wrapper');
  const frame = wrapper?.querySelector('iframe');
  if (!frame?.width) return;
  const scale = Math.min(1, byId('stage').clientWidth / Number(frame.width));
  wrapper.style.transform = `scale(${scale})`;
  byId('stage').style.height = `${Number(frame.height) * scale}px`;
}

function follow() {
  if (playing) tell(Math.min(replayer.getCurrentTime(), totalMs()));
  requestAnimationFrame(follow);
}

byId('play').addEventListener('click', () => {
  if (playing) {
    replayer.pause();
    return setPlaying(false);
  }
  const at = replayer.getCurrentTime();
  replayer.play(at >= totalMs() ? 0 : at);
  setPlaying(true);
});
byId('seek').addEventListener('input', (event) => goTo(Number(event.target.value)));
// One millisecond further: what is shown at a time is everything before it.
byId('to-end').addEventListener('click', () => goTo(totalMs() + 1));
byId('speed').addEventListener('change', (event) =>
  replayer?.setConfig({ speed: Number(event.target.value) }),
);
addEventListener('hashchange', () => void show(chosen()));
addEventListener('resize', scaleToRoom);

follow();
await listRecordings();
await show(chosen());

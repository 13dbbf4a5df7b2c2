// The dashboard: asks for the status each interval and changes only what has changed. Text from outside only ever
// becomes text nodes and attributes, never markup.

const $ = id => document.getElementById(id);
const pageSize = 50;
const state = { data: null, group: '', page: 0, session: { canAct: false }, lastData: 0, interval: 1000, seen: new Map(), letters: null };

// ---- Words and numbers

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const count = value => whole.format(value ?? 0);
const lagOf = item => item.lag === undefined || item.lag === null ? '?' : count(item.lag);
const rate = value => fine.format(value ?? 0);
const bytes = value => value >= 1048576 ? `${fine.format(value / 1048576)} MiB` : value >= 1024 ? `${fine.format(value / 1024)} KiB` : `${count(value)} B`;
const span = ms => !ms ? '–' : ms < 1000 ? `${fine.format(ms)} ms` : ms < 60000 ? `${fine.format(ms / 1000)} s` : ms < 3600000 ? `${fine.format(ms / 60000)} min` : `${fine.format(ms / 3600000)} h`;
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;
const shortSilo = name => name ? name.split('@')[0] : '';
const queueKey = q => `${q.topic}\n${q.broker}\n${q.id ?? 0}`;
// A queue that is popped may be shared by several silos; further shares have ids below zero.
const queueId = id => id < 0 ? `${-id % 65536} (share ${Math.floor(-id / 65536) + 1})` : `${id ?? 0}`;
const queueName = q => `${q.topic} / ${q.broker} / ${queueId(q.id)}`;

// ---- Changing the page as little as possible

function text(node, value) {
  const next = String(value);
  if (node.textContent !== next) node.textContent = next;
}

function attribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

function make(tag, className, content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (content !== undefined) node.textContent = content;
  return node;
}

// Keeps the node of each key, so that focus and scroll positions stay while data changes.
function keyed(parent, items, keyOf, create, update) {
  const known = parent._nodes ??= new Map();
  const wanted = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    wanted.add(key);
    let node = known.get(key);
    if (!node) {
      node = create(item);
      known.set(key, node);
    }
    node._item = item;
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const [key, node] of known) {
    if (!wanted.has(key)) {
      node.remove();
      known.delete(key);
    }
  }
}

function row(labels) {
  const tr = document.createElement('tr');
  for (const [label, className] of labels) {
    const td = make('td', className);
    td.dataset.label = label;
    tr.append(td);
  }
  return tr;
}

function cells(tr, values) {
  values.forEach((value, at) => text(tr.children[at], value));
}

function button(label, className, onClick) {
  const node = make('button', className, label);
  node.type = 'button';
  node.addEventListener('click', onClick);
  return node;
}

// ---- Asking the server

async function get(path) {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(15000) });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `HTTP ${response.status}`);
  return body;
}

async function act(action, request = {}, group = state.group) {
  const response = await fetch(`api/groups/${encodeURIComponent(group)}/actions/${action}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', [state.session.tokenHeader]: state.session.token },
    body: JSON.stringify(request),
    // Sending many letters again takes long; a button must not wait for ever all the same.
    signal: AbortSignal.timeout(300000),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `HTTP ${response.status}`);
  notice(body.message);
  await refresh();
}

function notice(message, isBad = false) {
  const node = $('notice');
  node.classList.toggle('bad', isBad);
  text(node, message);
  show(node, true);
  clearTimeout(notice.timer);
  notice.timer = setTimeout(() => show(node, false), 8000);
}

// One click, one request: the button waits, and keeps the focus.
async function press(node, work) {
  if (node.getAttribute('aria-busy') === 'true') return;
  node.setAttribute('aria-busy', 'true');
  try { await work(); } catch (error) { notice(error.message, true); }
  node.removeAttribute('aria-busy');
}

// ---- Dialogs

let dialogWork = null;

function ask(title, explanation, fields, ok, work) {
  text($('dialog-title'), title);
  text($('dialog-text'), explanation);
  text($('dialog-ok'), ok);
  text($('dialog-error'), '');
  $('dialog-fields').replaceChildren(...fields.map(field => {
    const label = make('label', '', field.label);
    const input = document.createElement(field.options ? 'select' : 'input');
    if (field.options) input.append(...field.options.map(([value, name]) => Object.assign(make('option', '', name), { value })));
    else Object.assign(input, { type: field.type ?? 'text', ...field.set });
    input.name = field.name;
    label.append(input);
    return label;
  }));
  dialogWork = work;
  $('dialog').showModal();
}

$('dialog-form').addEventListener('submit', async event => {
  event.preventDefault();
  const values = Object.fromEntries(new FormData($('dialog-form')));
  $('dialog-ok').disabled = true;
  try {
    await dialogWork(values);
    $('dialog').close();
  } catch (error) {
    text($('dialog-error'), error.message);
  }
  $('dialog-ok').disabled = false;
});
$('dialog-cancel').addEventListener('click', () => $('dialog').close());
$('letter-close').addEventListener('click', () => $('letter').close());

const placeOf = q => ({ topic: q.topic, broker: q.broker, queueId: q.id ?? 0 });

function askSeek(name, scope, ofQueue) {
  const options = [['begin', 'the first message held'], ['end', 'behind the last message'], ['time', 'a point in time']];
  if (ofQueue) options.push(['offset', 'an offset']);
  const fields = [{ name: 'target', label: 'Go on at', options }, { name: 'time', label: 'Time (only for a point in time)', type: 'datetime-local', set: { step: 1 } }];
  if (ofQueue) fields.push({ name: 'offset', label: 'Offset (only for an offset)', type: 'number', set: { min: 0, step: 1 } });
  fields.push({ name: 'effects', label: 'Effects of messages that come again', options: [['', 'are not applied again'], ['again', 'are applied again']] });
  ask(`Seek: ${name}`, 'What was pulled and not begun is dropped; consumption goes on there. Messages may come again or be left out.', fields, 'Seek', values => {
    const request = { ...scope, target: values.target, effectsAgain: values.effects === 'again' };
    if (values.target === 'time') {
      if (!values.time) throw new Error('A point in time is needed.');
      request.time = new Date(values.time).toISOString();
    }
    if (values.target === 'offset') {
      if (values.offset === '') throw new Error('An offset is needed.');
      request.offset = Number(values.offset);
    }
    return act('seek', request);
  });
}

function askMove(q) {
  const silos = current().silos?.filter(silo => !silo.isDrained) ?? [];
  const options = silos.map(silo => [silo.name, silo.name]);
  if (q.pinnedTo) options.unshift(['', 'wherever the strategy says']);
  ask(`Move: ${queueName(q)}`, 'The queue is handed over without loss or duplicates, and stays there until it is released.',
    [{ name: 'silo', label: 'Silo', options }], 'Move',
    values => values.silo ? act('move', { ...placeOf(q), silo: values.silo }) : act('release', placeOf(q)));
}

function askLimit(topic) {
  ask(`Rate limit: ${topic.name}`, 'Messages per second over all silos. Leave it empty for no limit.',
    [{ name: 'limit', label: 'Messages per second', type: 'number', set: { min: 0.01, step: 'any', value: topic.rateLimit ?? '' } }], 'Apply',
    values => act('limit', { topic: topic.name, messagesPerSecond: values.limit === '' ? null : Number(values.limit) }));
}

function askUnsubscribe(topic) {
  ask(`Unsubscribe: ${topic.name}`, 'The group gives the topic up on all silos: its queues finish what they have begun, commit, and are released.', [], 'Unsubscribe',
    () => act('unsubscribe', { topic: topic.name }));
}

function askSubscribe() {
  ask('Subscribe to a topic', 'The group consumes it on all silos. Leave the expression empty for all messages.', [
    { name: 'topic', label: 'Topic', set: { required: true } },
    { name: 'kind', label: 'Which messages', options: [['tag', 'by tags: a || b'], ['sql', 'by SQL92: price > 10']] },
    { name: 'expression', label: 'Expression' },
  ], 'Subscribe', values => act('subscribe', { topic: values.topic.trim(), isSql: values.kind === 'sql', expression: values.expression.trim() || null }));
}

function askSwitch() {
  if (isStopped(current())) return press($('group-switch'), () => act('start'));
  ask(`Stop: ${state.group}`, 'Consumption ends on all silos: listeners finish, offsets are committed, and members in other programs take the queues. A silo that joins later starts the group by itself (AutoStart); to keep it still, pause it.', [], 'Stop', () => act('stop'));
}

// ---- Parts of the page

const isStopped = group => group?.state === 'Stopped';

const current = () => state.data?.groups.find(group => group.name === state.group);

// A queue that stands still because of failures goes on when it is resumed, like one that somebody paused.
const resumes = q => q.isPausedItself || q.hasFailed;

function queueState(q) {
  if (q.hasFailed) return ['failed', 'failed'];
  if (q.isPaused) return ['paused', q.isPausedItself ? 'paused (queue)' : 'paused'];
  if (q.isMoving) return ['moving', 'moving'];
  if (q.awaitsLock) return ['moving', 'awaits lock'];
  if (!q.silo) return ['moving', q.owner ? 'other program' : 'no owner'];
  const popped = q.isPoppedInOrder ? 'popped in order' : 'popped';
  if (q.isPopped) return ['run', q.unacknowledged ? `${popped}, ${count(q.unacknowledged)} not acknowledged` : popped];
  if (q.lag === undefined || q.lag === null) return ['moving', 'lag unknown'];
  if (q.lag) return ['lagging', q.blocked ? 'blocked key' : 'has lag'];
  return ['run', 'runs'];
}

function renderTiles(group, queues) {
  const figures = group.figures ?? {};
  const flight = queues.reduce((sum, q) => sum + (q.inFlight ?? 0), 0);
  const cached = queues.reduce((sum, q) => sum + (q.cached ?? 0), 0);
  const cachedBytes = queues.reduce((sum, q) => sum + (q.cachedBytes ?? 0), 0);
  const worst = queues.reduce((most, q) => Math.max(most, q.lag ?? 0), 0);
  text($('t-rate'), rate(figures.perSecond));
  text($('t-lag'), lagOf(group));
  text($('t-lag-more'), worst ? `worst queue ${count(worst)}` : lagOf(group) === '?' ? 'a broker has not told' : `${plural(queues.length, 'queue')}, all level`);
  text($('t-p99'), span(figures.p99Ms));
  text($('t-latency-more'), `average ${span(figures.averageMs)}, max ${span(figures.maxMs)}`);
  text($('t-flight'), count(flight));
  text($('t-flight-more'), `${count(cached)} cached, ${bytes(cachedBytes)}`);
  text($('t-failed'), count(figures.failed));
  text($('t-failed-more'), `${count(figures.sentBack)} sent back, ${count(figures.timedOut)} timed out`);
  const dead = group.deadLetters ?? {};
  text($('t-dead'), dead.error && dead.count === undefined ? '?' : dead.count === undefined ? '–' : `${count(dead.count)}${dead.hasMore ? '+' : ''}`);
  text($('t-dead-more'), dead.error ?? (dead.parked === undefined ? 'not counted yet' : `${count(dead.parked)} parked`));
  renderSpark(group.history ?? []);
}

function renderSpark(history) {
  const most = Math.max(1, ...history);
  const step = 180 / 89;
  const start = 180 - (history.length - 1) * step;
  const points = history.map((value, at) => `${(start + at * step).toFixed(1)},${(34 - value / most * 31).toFixed(1)}`).join(' ');
  attribute($('spark-line'), 'points', points);
  attribute($('spark-fill'), 'points', history.length ? `${start.toFixed(1)},36 ${points} 180,36` : '');
}

function renderSilos(group, queues) {
  const bySilo = Map.groupBy(queues, q => q.silo ?? '');
  const silos = (group.silos ?? []).map(silo => ({ ...silo, list: bySilo.get(silo.name) ?? [] }));
  const rest = queues.filter(q => !silos.some(silo => silo.name === (q.silo ?? '')));
  if (rest.length) silos.push({ name: '', list: rest });
  keyed($('silos'), silos, silo => silo.name, () => {
    const card = make('article', 'silo');
    const drain = button('', 'act', () => {
      const silo = card._item;
      if (silo.isDrained) press(drain, () => act('restore', { silo: silo.name }));
      else ask(`Drain: ${silo.name}`, 'All queues of this group go to other silos; the silo stays up. Listeners finish first.', [], 'Drain', () => act('drain', { silo: silo.name }));
    });
    card.append(make('h3'), make('p'), make('ul', 'chips'), drain);
    return card;
  }, (card, silo) => {
    const [title, about, chips, drain] = card.children;
    text(title, silo.name ? shortSilo(silo.name) : 'Not in this cluster, or on the way');
    attribute(title, 'title', silo.name);
    text(about, silo.name ? `${plural(silo.list.length, 'queue')} · ${rate(silo.perSecond)} msg/s · up ${span(silo.uptimeMs)}${silo.isDrained ? ' · drained' : ''}` : plural(silo.list.length, 'queue'));
    text(drain, silo.isDrained ? 'Restore' : 'Drain…');
    show(drain, Boolean(silo.name) && state.session.canAct);
    keyed(chips, silo.list, queueKey, () => make('li'), (chip, q) => {
      const [kind, words] = queueState(q);
      const arrived = state.seen.get(queueKey(q));
      const className = `chip ${kind}${arrived && Date.now() - arrived.at < 2500 ? ' arrived' : ''}`;
      if (chip.className !== className) chip.className = className;
      text(chip, q.topic.startsWith('%RETRY%') ? `R${q.id ?? 0}` : q.id ?? 0);
      attribute(chip, 'title', `${queueName(q)}: ${words}, lag ${lagOf(q)}${q.pinnedTo ? ', moved here by an operator' : ''}`);
    });
  });
}

// Remembers where each queue was, so that one that has come to another silo is shown for a moment.
function noteMoves(queues) {
  for (const q of queues) {
    const key = queueKey(q);
    const before = state.seen.get(key);
    if (!before) state.seen.set(key, { silo: q.silo, at: 0 });
    else if (q.silo && before.silo !== q.silo) state.seen.set(key, { silo: q.silo, at: Date.now() });
  }
}

const topicCells = [['Topic', 'name'], ['Queues', 'n'], ['Lag', 'n'], ['msg/s', 'n'], ['Average', 'n'], ['p99', 'n'], ['Consumed', 'n'], ['Failed', 'n'], ['Sent back', 'n'], ['Limit', 'n'], ['Actions', 'do']];

function renderTopics(group) {
  keyed($('topics'), group.topics ?? [], topic => topic.name, () => {
    const tr = row(topicCells);
    const pause = button('', 'act', () => press(pause, () => act(tr._item.isPaused ? 'resume' : 'pause', { topic: tr._item.name })));
    const limit = button('Limit…', 'act', () => askLimit(tr._item));
    const seek = button('Seek…', 'act', () => askSeek(tr._item.name, { topic: tr._item.name }, false));
    const giveUp = button('Unsubscribe…', 'act danger', () => askUnsubscribe(tr._item));
    tr.lastChild.append(pause, limit, seek, giveUp);
    return tr;
  }, (tr, topic) => {
    const f = topic.figures ?? {};
    cells(tr, [topic.name, count(topic.queues), lagOf(topic), rate(f.perSecond), span(f.averageMs), span(f.p99Ms), count(f.consumed), count(f.failed), count(f.sentBack), topic.rateLimit ? `${fine.format(topic.rateLimit)}/s` : 'none']);
    const [pause, limit, seek, giveUp] = tr.lastChild.children;
    show(giveUp, !topic.name.startsWith('%RETRY%'));
    attribute(giveUp, 'aria-label', `Unsubscribe from topic ${topic.name}`);
    text(pause, topic.isPaused ? 'Resume' : 'Pause');
    attribute(pause, 'aria-label', `${pause.textContent} topic ${topic.name}`);
    attribute(limit, 'aria-label', `Limit the rate of topic ${topic.name}`);
    attribute(seek, 'aria-label', `Seek topic ${topic.name}`);
  });
}

const queueCells = [['Queue', 'name'], ['Silo', 'silo-name'], ['State', 'state'], ['Lag', 'n'], ['Committed', 'n'], ['Cached', 'n'], ['In flight', 'n'], ['msg/s', 'n'], ['p99', 'n'], ['Actions', 'do']];

function renderQueues(queues) {
  const wanted = $('filter').value.trim().toLowerCase();
  const kind = $('show').value;
  const all = queues.filter(q => (kind === 'all' || (kind === 'lag' ? q.lag > 0 : q.isPaused || q.isMoving || q.hasFailed || !q.silo))
    && (!wanted || `${queueName(q)} ${q.silo ?? ''} ${q.lastError ?? ''}`.toLowerCase().includes(wanted)));
  const pages = Math.max(1, Math.ceil(all.length / pageSize));
  state.page = Math.min(state.page, pages - 1);
  keyed($('queues'), all.slice(state.page * pageSize, (state.page + 1) * pageSize), queueKey, () => {
    const tr = row(queueCells);
    const pause = button('', 'act', () => press(pause, () => act(resumes(tr._item) ? 'resume' : 'pause', placeOf(tr._item))));
    const seek = button('Seek…', 'act', () => askSeek(queueName(tr._item), placeOf(tr._item), true));
    const move = button('Move…', 'act', () => askMove(tr._item));
    tr.lastChild.append(pause, seek, move);
    return tr;
  }, (tr, q) => {
    const [kindOf, words] = queueState(q);
    cells(tr, [queueName(q), `${shortSilo(q.silo) || '–'}${q.pinnedTo ? q.isPinIgnored ? ' (pin ignored)' : ' (pinned)' : ''}`, words, lagOf(q), q.committed >= 0 || q.committed === undefined ? count(q.committed) : '–', count(q.cached), count(q.inFlight), rate(q.perSecond), span(q.p99Ms)]);
    const className = `state ${kindOf}`;
    if (tr.children[2].className !== className) tr.children[2].className = className;
    const [pause, seek, move] = tr.lastChild.children;
    text(pause, resumes(q) ? 'Resume' : 'Pause');
    attribute(pause, 'aria-label', `${pause.textContent} queue ${queueName(q)}`);
    attribute(seek, 'aria-label', `Seek queue ${queueName(q)}`);
    attribute(move, 'aria-label', `Move queue ${queueName(q)}`);
  });
  text($('page'), all.length ? `${count(state.page * pageSize + 1)}–${count(Math.min(all.length, (state.page + 1) * pageSize))} of ${count(all.length)}` : 'no queue matches');
  $('previous').disabled = state.page === 0;
  $('next').disabled = state.page >= pages - 1;
}

function renderLists(queues) {
  const slow = queues.filter(q => q.slowest).sort((a, b) => (b.slowest.ageMs ?? 0) - (a.slowest.ageMs ?? 0)).slice(0, 5);
  keyed($('slow'), slow, queueKey, () => make('li'), (li, q) => text(li, `${span(q.slowest.ageMs)} · ${q.slowest.messageId} · ${queueName(q)} at ${count(q.slowest.offset)}`));
  show($('slow-none'), slow.length === 0);
  const errors = queues.filter(q => q.lastError).slice(0, 8);
  keyed($('errors'), errors, queueKey, () => make('li'), (li, q) => text(li, `${queueName(q)}: ${q.lastError}`));
  show($('errors-none'), errors.length === 0);
}

function render() {
  const groups = state.data.groups ?? [];
  if (!groups.some(group => group.name === state.group)) state.group = groups[0]?.name ?? '';
  keyed($('group'), groups, group => group.name, group => Object.assign(make('option', '', group.name), { value: group.name }), () => { });
  if ($('group').value !== state.group) $('group').value = state.group;
  const group = current();
  show($('empty'), !group);
  show($('content'), Boolean(group));
  if (!group) return;

  text($('group-title'), group.name);
  const status = $('group-state');
  const held = [...(group.breakers ?? []), ...(group.stopped ?? [])];
  const why = group.breakers?.length ? 'circuit breaker' : group.stopped?.length ? 'stopped by a rule' : (group.state ?? '').toLowerCase();
  text(status, group.error ? `no status: ${group.error}` : group.isPaused ? 'paused' : why);
  attribute(status, 'title', held.join('\n'));
  status.className = `pill ${group.error ? 'bad' : group.isPaused || held.length || isStopped(group) ? 'warn' : 'good'}`;
  text($('group-switch'), isStopped(group) ? 'Start group' : 'Stop group…');
  text($('group-pause'), group.isPaused ? 'Resume group' : 'Pause group');
  const queues = group.queues ?? [];
  noteMoves(queues);
  renderTiles(group, queues);
  renderSilos(group, queues);
  renderTopics(group);
  renderQueues(queues);
  renderLists(queues);
}

// ---- Dead letters

async function loadLetters() {
  const group = state.group;
  const search = $('dead-search').value.trim();
  const page = await get(`api/groups/${encodeURIComponent(group)}/dead-letters${search ? `?text=${encodeURIComponent(search)}` : ''}`);
  if (group === state.group) renderLetters(page.letters ?? [], page);
}

function renderLetters(letters, page = {}) {
  keyed($('dead'), letters, letter => letter.offsetMessageId, () => {
    const tr = row([['Message', 'name'], ['Topic'], ['Keys'], ['Why'], ['Attempts', 'n'], ['Filed'], ['Bytes', 'n'], ['Actions', 'do']]);
    const peek = button('Look', '', () => press(peek, () => peekLetter(tr._item.offsetMessageId)));
    const resend = button('Send again', 'act', () => press(resend, async () => {
      await act('resend', { messageId: tr._item.offsetMessageId });
      await loadLetters();
    }));
    const drop = button('Drop', 'act danger', () => press(drop, async () => {
      await act('drop', { messageId: tr._item.offsetMessageId });
      await loadLetters();
    }));
    tr.lastChild.append(peek, resend, drop);
    return tr;
  }, (tr, letter) => {
    cells(tr, [letter.messageId, letter.topic, letter.keys ?? '–', whyOf(letter.cause), count(letter.cause?.attempts || letter.reconsumeTimes), new Date(letter.filed).toLocaleString(), count(letter.bodyLength)]);
    attribute(tr.lastChild.children[0], 'aria-label', `Look at message ${letter.messageId}`);
    attribute(tr.lastChild.children[1], 'aria-label', `Send message ${letter.messageId} again`);
    attribute(tr.lastChild.children[2], 'aria-label', `Drop message ${letter.messageId}`);
  });
  show($('dead-table'), letters.length > 0);
  show($('dead-none'), letters.length === 0);
  text($('dead-none'), $('dead-search').value.trim() ? 'No dead letter fits.' : 'There are no dead letters.');
  text($('dead-load'), 'Refresh list');
  const troubles = [...page.unread ?? [], ...resendTroubles(page.resend ?? {})];
  show($('dead-troubles'), troubles.length > 0);
  $('dead-troubles').replaceChildren(...troubles.map(trouble => make('li', '', trouble)));
}

// The class of the exception without its namespace, and what it said.
function whyOf(cause) {
  return [cause?.errorType?.split('.').at(-1), cause?.reason].filter(Boolean).join(': ') || '–';
}

function resendTroubles(resend) {
  const troubles = (resend.failures ?? []).map(one => `${one.messageId ?? 'A letter'} could not be sent again${one.topic ? ` to ${one.topic}` : ''}: ${one.reason}`);
  const more = (resend.failed ?? 0) - troubles.length;
  if (more > 0) troubles.push(`${count(more)} more could not be sent again.`);
  if (resend.error) troubles.push(`Sending all again: ${resend.error}`);
  return troubles;
}

async function peekLetter(id, list = 'dead-letters') {
  const letter = await get(`api/groups/${encodeURIComponent(state.group)}/${list}/${encodeURIComponent(id)}`);
  text($('letter-about'), `${letter.messageId} · ${count(letter.length)} bytes${letter.isCut ? ', cut' : ''}${letter.format === 'hex' ? ', binary' : ''}`);
  text($('letter-body'), letter.format === 'hidden' ? 'Bodies are hidden by configuration.' : letter.text ?? '');
  $('letter-properties').replaceChildren(...Object.entries(letter.properties ?? {}).flatMap(([name, value]) => [make('dt', '', name), make('dd', '', value)]));
  $('letter').showModal();
}

// ---- Parked messages

async function loadParked() {
  const group = state.group;
  const page = await get(`api/groups/${encodeURIComponent(group)}/parked`);
  if (group === state.group) renderParked(page.messages ?? []);
}

function renderParked(messages) {
  keyed($('parked'), messages, message => message.number, () => {
    const tr = row([['Message', 'name'], ['Topic'], ['Keys'], ['Parked'], ['Reason'], ['Actions', 'do']]);
    const peek = button('Look', '', () => press(peek, () => peekLetter(tr._item.number, 'parked')));
    const resend = button('Send again', 'act', () => press(resend, async () => {
      await act('resend-parked', { number: tr._item.number });
      await loadParked();
    }));
    const drop = button('Drop', 'act danger', () => press(drop, async () => {
      await act('drop-parked', { number: tr._item.number });
      await loadParked();
    }));
    tr.lastChild.append(peek, resend, drop);
    return tr;
  }, (tr, message) => {
    cells(tr, [message.messageId, message.topic, message.keys ?? '–', new Date(message.parked).toLocaleString(), message.reason]);
    attribute(tr.lastChild.children[0], 'aria-label', `Look at message ${message.messageId}`);
    attribute(tr.lastChild.children[1], 'aria-label', `Send message ${message.messageId} again`);
    attribute(tr.lastChild.children[2], 'aria-label', `Drop message ${message.messageId}`);
  });
  show($('parked-table'), messages.length > 0);
  show($('parked-none'), messages.length === 0);
  text($('parked-none'), 'There are no parked messages.');
  text($('parked-load'), 'Refresh list');
}

// ---- Connection and clock

function renderConnection() {
  const silent = Date.now() - state.lastData;
  const isStale = state.lastData > 0 && silent > state.interval * 2 + 3000;
  document.body.classList.toggle('stale', isStale);
  const pill = $('connection');
  pill.className = `pill ${isStale ? 'bad' : state.lastData ? 'good' : ''}`;
  // Told to those who listen only when it changes, not every second it lasts.
  if (isStale !== state.wasStale) text($('connection-change'), isStale ? 'Connection lost; the page shows old data.' : state.wasStale ? 'Connection is back.' : '');
  state.wasStale = isStale;
  text(pill, isStale ? `connection lost, last data ${Math.round(silent / 1000)} s ago` : state.lastData ? 'live' : 'connecting');
}

let refreshing = null;

function refresh() {
  return refreshing ??= (async () => {
    try {
      state.data = await get('api/status');
      state.interval = state.data.intervalMs;
      state.lastData = Date.now();
      render();
    } catch (error) {
      if (!state.lastData) text($('connection'), `no connection: ${error.message}`);
    } finally {
      refreshing = null;
    }
  })();
}

async function loop() {
  if (!document.hidden) await refresh();
  renderConnection();
  setTimeout(loop, state.interval);
}

async function startSession() {
  try {
    state.session = await get('api/session');
  } catch {
    state.session = { canAct: false };
  }
  document.body.classList.toggle('read-only', !state.session.canAct);
  for (const id of ['group-switch', 'group-pause', 'group-subscribe', 'group-seek', 'dead-key', 'dead-resend', 'dead-stop', 'dead-drop', 'parked-resend', 'parked-drop']) show($(id), Boolean(state.session.canAct));
  text($('mode'), state.session.canAct ? 'Actions are allowed and logged.' : 'This page only shows; actions need a policy (docs/dashboard.md).');
}

// ---- Theme

const themes = ['auto', 'light', 'dark'];

function applyTheme(theme) {
  if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = theme;
  text($('theme'), `Theme: ${theme}`);
}

// A browser may refuse to keep anything; then the choice lasts as long as the page.
const kept = {
  get: () => { try { return localStorage.getItem('rocketmq-theme'); } catch { return null; } },
  set: value => { try { localStorage.setItem('rocketmq-theme', value); } catch { /* as above */ } },
};
let theme = kept.get() ?? 'auto';
applyTheme(theme);
$('theme').addEventListener('click', () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  kept.set(theme);
  applyTheme(theme);
});

// ---- What the keyboard and the mouse do

$('group').addEventListener('change', () => {
  state.group = $('group').value;
  state.page = 0;
  renderLetters([]);
  text($('dead-none'), 'Ask for the list to see messages the group has given up.');
  text($('dead-load'), 'Show list');
  renderParked([]);
  text($('parked-none'), 'Ask for the list to see messages that no broker takes.');
  text($('parked-load'), 'Show list');
  render();
});
$('group-pause').addEventListener('click', event => press(event.currentTarget, () => act(current().isPaused ? 'resume' : 'pause')));
$('group-switch').addEventListener('click', askSwitch);
$('group-subscribe').addEventListener('click', askSubscribe);
$('group-seek').addEventListener('click', () => askSeek(`group ${state.group}`, {}, false));
$('filter').addEventListener('input', () => { state.page = 0; render(); });
$('show').addEventListener('change', () => { state.page = 0; render(); });
$('previous').addEventListener('click', () => { state.page--; render(); });
$('next').addEventListener('click', () => { state.page++; render(); });
$('dead-search').addEventListener('keydown', event => { if (event.key === 'Enter') press($('dead-load'), loadLetters); });
$('dead-load').addEventListener('click', event => press(event.currentTarget, loadLetters));
$('dead-resend').addEventListener('click', () => ask('Send all dead letters again', 'Each goes to its original topic, at this speed.',
  [{ name: 'speed', label: 'Messages per second', type: 'number', set: { min: 1, step: 'any', value: 10, required: true } }], 'Send again',
  values => act('resend-all', { messagesPerSecond: Number(values.speed) })));
$('dead-key').addEventListener('click', () => ask('Send dead letters of a key again', 'All that carry the key go to their original topic.',
  [{ name: 'key', label: 'Key', set: { required: true } }], 'Send again', async values => {
    await act('resend-key', { key: values.key.trim() });
    await loadLetters();
  }));
$('dead-stop').addEventListener('click', event => press(event.currentTarget, () => act('stop-resend')));
$('dead-drop').addEventListener('click', () => ask('Drop all dead letters', 'They are neither listed nor sent again any more. This cannot be undone.', [], 'Drop all', async () => {
  await act('drop-all');
  await loadLetters();
}));
$('parked-load').addEventListener('click', event => press(event.currentTarget, loadParked));
$('parked-resend').addEventListener('click', () => ask('Send all parked messages again', 'Each goes to its original topic. What cannot be sent stays.', [], 'Send again', async () => {
  await act('resend-parked');
  await loadParked();
}));
$('parked-drop').addEventListener('click', () => ask('Drop all parked messages', 'They are not listed any more. This cannot be undone.', [], 'Drop all', async () => {
  await act('drop-parked');
  await loadParked();
}));
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });

// Also while a request hangs: how old the data is must not depend on an answer.
setInterval(renderConnection, 1000);
await startSession();
await loop();

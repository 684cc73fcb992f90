// The board of a run: one slider through the recorded steps, answered here, and beyond them doses, which the server is asked for once.
// While the run works the slider follows the newest step until it is dragged; what stands there stays where it is.
const root = element.querySelector('.lethe-boards');
const PAUSE = 250; // milliseconds at rest before a dose is asked for
const answers = new Map(); // run and dose -> cells
const dragged = new Set(); // keys of the boards that a person has moved

const data = board => (board.parsed ??= JSON.parse(board.dataset.board));
const nameOf = (board, at) => {
  const { steps, doses } = data(board);
  return at < steps.length ? steps[at].name : `dose ${doses[at - steps.length]}`;
};

const put = (board, cells) => {
  const after = board.querySelectorAll('[data-when="after"] td[data-item], td[data-when="after"][data-item]');
  for (const cell of after) {
    const html = cells[cell.dataset.item];
    if (html !== undefined && cell.shown !== html) { cell.innerHTML = html; cell.shown = html; }
  }
};

const write = (board, at) => {
  const { steps, doses } = data(board), to = new URL(location), key = board.dataset.key;
  const last = steps.length - 1;
  for (const [name, value] of [['step', at < last ? at : null], ['dose', at > last ? doses[at - steps.length] : null]]) {
    if (value === null) to.searchParams.delete(name + key); else to.searchParams.set(name + key, value);
  }
  history.replaceState(history.state, '', to);
};

const show = (board, at, remember) => {
  const { steps, doses, run } = data(board), slider = board.querySelector('input[type="range"]');
  slider.value = at;
  slider.setAttribute('aria-valuetext', nameOf(board, at));
  slider.style.setProperty('--at', `${100 * at / Math.max(1, slider.max)}%`);
  board.querySelector('output').textContent = nameOf(board, at);
  clearTimeout(board.waits);
  board.toggleAttribute('data-asking', false);
  if (at < steps.length) put(board, steps[at].cells);
  else {
    const dose = doses[at - steps.length], cells = answers.get(`${run} ${dose}`);
    if (cells) put(board, cells);
    else {
      board.toggleAttribute('data-asking', true);
      board.waits = setTimeout(() => trigger('dose', { run, alpha: dose }), PAUSE);
    }
  }
  if (remember) write(board, at);
};

// The run beside goes along: to the step as far on its own way, or to the same dose.
const follow = (board, at) => {
  const last = data(board).steps.length - 1;
  for (const other of root.querySelectorAll('.lethe-board[data-board]')) {
    const slider = other.querySelector('input[type="range"]');
    if (other === board || !slider) continue;
    const end = data(other).steps.length - 1, there = at > last ? end + at - last : Math.round(end * at / Math.max(1, last));
    dragged.add(other.dataset.key);
    show(other, Math.min(there, Number(slider.max)), true);
  }
};

const begin = board => {
  const slider = board.querySelector('input[type="range"]');
  if (!slider) return;
  const key = board.dataset.key, { steps, doses } = data(board), query = new URLSearchParams(location.search);
  slider.addEventListener('input', () => { dragged.add(key); show(board, Number(slider.value), true); follow(board, Number(slider.value)); });
  if (dragged.has(key)) return;
  const dose = doses.findIndex(one => one === Number(query.get('dose' + key)));
  const step = query.has('step' + key) ? Number(query.get('step' + key)) : NaN;
  if (dose >= 0) { dragged.add(key); show(board, steps.length + dose, false); }
  else if (Number.isInteger(step) && step >= 0 && step < steps.length) { dragged.add(key); show(board, step, false); }
  else show(board, steps.length - 1, false);
};

const draw = () => {
  const template = document.createElement('template');
  template.innerHTML = props.value || '';
  const places = new Map([...root.querySelectorAll('.lethe-board[data-key]')].map(old => {
    const slider = old.querySelector('input[type="range"]');
    return [old.dataset.key, { at: Number(slider.value), held: document.activeElement === slider }];
  }));
  root.replaceChildren(template.content);
  for (const board of root.querySelectorAll('.lethe-board[data-board]')) {
    begin(board);
    const place = places.get(board.dataset.key), slider = board.querySelector('input[type="range"]');
    if (place && dragged.has(board.dataset.key)) show(board, Math.min(place.at, Number(slider.max)), false);
    if (place?.held) slider.focus();
  }
};

document.addEventListener('lethe-dosed', ({ detail }) => {
  if (!detail) return;
  const { run, alpha: dose, cells, wrong } = JSON.parse(detail);
  if (!wrong) answers.set(`${run} ${dose}`, cells);
  for (const board of root.querySelectorAll('.lethe-board[data-board]')) {
    const { steps, doses, run: mine } = data(board), at = Number(board.querySelector('input[type="range"]').value);
    if (mine !== run || doses[at - steps.length] !== dose) continue;
    board.toggleAttribute('data-asking', false);
    if (wrong) board.querySelector('output').textContent = wrong; else put(board, cells);
  }
});

draw();
watch('value', draw);

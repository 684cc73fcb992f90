// The rows of the page Methods: sorted by a head, filtered by kind and by words, opened from their points in the plot. All in the browser.
const chosen = { sort: '', up: false, kinds: new Set(), words: '', all: false };
const section = () => root.querySelector('.lethe-methods');

const arrange = () => {
  const table = section();
  if (!table) return;
  const rows = [...table.querySelectorAll('.lethe-method')];
  rows.forEach((row, at) => { row.dataset.order ??= String(at); });
  const key = row => chosen.sort ? parseFloat(row.dataset[chosen.sort]) : Number(row.dataset.order);
  const way = chosen.sort && !chosen.up ? -1 : 1;
  rows.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y) || a.dataset.order - b.dataset.order;
    return way * (x - y) || a.dataset.order - b.dataset.order;
  });
  const place = table.querySelector('.rows');
  if (rows.some((row, at) => place.children[at] !== row)) place.append(...rows);
  const most = small.matches ? 5 : Number(table.dataset.first); // before all are asked for
  const narrowed = chosen.kinds.size > 0 || chosen.words !== '';
  let shown = 0;
  for (const row of rows) {
    const fits = (!chosen.kinds.size || chosen.kinds.has(row.dataset.kind)) && row.dataset.words.includes(chosen.words);
    row.hidden = !fits || (!narrowed && !chosen.all && shown >= most && !row.open);
    if (fits) shown += 1;
  }
  table.querySelector('.empty').hidden = shown > 0;
  const all = table.querySelector('.all');
  all.hidden = narrowed || chosen.all || rows.length <= most;
  table.querySelectorAll('.heads button').forEach(head => {
    const own = head.dataset.sort === chosen.sort;
    head.dataset.way = own ? (chosen.up ? 'up' : 'down') : '';
    head.setAttribute('aria-pressed', String(own));
  });
  root.querySelectorAll('.lethe-kinds button').forEach(button => button.setAttribute('aria-pressed', String(chosen.kinds.has(button.dataset.kind))));
  root.querySelectorAll('.lethe-tradeoff .point').forEach(point => point.classList.toggle('faint', chosen.kinds.size > 0 && !chosen.kinds.has(point.dataset.kind)));
};

const openRow = id => {
  const row = section()?.querySelector('#' + CSS.escape(id));
  if (!row) return;
  row.open = true;
  row.hidden = false;
  row.scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  row.querySelector('summary').focus({ preventScroll: true });
};

root.addEventListener('click', event => {
  const head = event.target.closest('.heads button');
  const kind = event.target.closest('.lethe-kinds button');
  const point = event.target.closest('.lethe-tradeoff .point');
  if (head) {
    const first = head.dataset.sort === 'time' || head.dataset.sort === 'back'; // where less is better
    if (chosen.sort === head.dataset.sort) { if (chosen.up === first) chosen.up = !first; else chosen.sort = ''; } else { chosen.sort = head.dataset.sort; chosen.up = first; }
  } else if (kind) {
    if (!chosen.kinds.delete(kind.dataset.kind)) chosen.kinds.add(kind.dataset.kind);
  } else if (event.target.closest('.lethe-methods .all')) chosen.all = true;
  else if (point?.hash) { event.preventDefault(); openRow(point.hash.slice(1)); return; } else return;
  arrange();
});
root.addEventListener('change', event => { // another metric along an axis
  const plot = event.target.closest('.lethe-tradeoff');
  if (!plot || !event.target.dataset.axis) return;
  const [x, y] = ['across', 'up'].map(axis => plot.querySelector(`select[data-axis="${axis}"]`).value);
  const to = new URL(location);
  to.searchParams.set('x', x);
  to.searchParams.set('y', y);
  history.replaceState(history.state, '', to);
  trigger('select', { x, y });
});
root.addEventListener('input', event => {
  if (!event.target.matches('.lethe-methods .search input')) return;
  chosen.words = event.target.value.trim().toLowerCase();
  arrange();
});
root.addEventListener('pointerover', event => {
  const over = event.target.closest('.lethe-method, .lethe-tradeoff .point');
  const id = over && (over.id || over.hash?.slice(1));
  root.querySelectorAll('.lit').forEach(one => one.classList.remove('lit'));
  if (id) root.querySelectorAll(`#${CSS.escape(id)}, .lethe-tradeoff .point[href="#${CSS.escape(id)}"]`).forEach(one => one.classList.add('lit'));
});
const fresh = () => { Object.assign(chosen, { words: '', kinds: new Set(), all: false }); arrange(); if (location.hash.startsWith('#method-')) openRow(location.hash.slice(1)); };
watch('value', fresh);
fresh();

// Runs after alive.js, in the component that holds the answers: the switches of vectors, wherever they stand on the page, and
// which of them are off. A switch answers at once; what the server still writes for an earlier choice never turns it back.
const off = new Set();
let about = null;

const apply = () => {
  document.querySelectorAll('.lethe-vectors').forEach((cards, at) => cards.toggleAttribute('data-live', at === 0 && root.isConnected));
  document.querySelectorAll('.lethe-off[data-vector]').forEach(button => button.setAttribute('aria-checked', String(off.has(button.dataset.vector))));
  root.dataset.off = [...off].join(',');
};

const sync = () => {
  const cards = root.querySelector('.lethe-switched');
  if (cards && cards.dataset.for !== about) {
    about = cards.dataset.for;
    off.clear();
    cards.dataset.off.split(',').filter(Boolean).forEach(place => off.add(place));
  }
  apply();
};

const listen = (name, answer) => {
  const guarded = event => { if (root.isConnected) answer(event); else document.removeEventListener(name, guarded); };
  document.addEventListener(name, guarded);
};

listen('click', event => {
  const button = event.target.closest?.('.lethe-off[data-vector], [data-vectors]');
  if (!button) return;
  const list = button.closest('.lethe-others');
  const places = button.dataset.vectors ? [...list.querySelectorAll('[data-vector]')].map(one => one.dataset.vector) : [button.dataset.vector];
  const on = button.dataset.vectors ? button.dataset.vectors === 'none' : off.has(places[0]);
  if (button.dataset.vectors === 'none') off.clear();
  places.forEach(place => on ? off.delete(place) : off.add(place));
  apply();
  trigger('select', { off: [...off] });
});
listen('lethe-drawn', apply);

sync();
watch('value', sync);

// The list of tests: a press shows that test's curves and picture in the place of the one before.
const choose = id => {
  const back = root.querySelector('.lethe-back');
  if (!back) return;
  const wanted = id && back.querySelector(`.lethe-back-test[data-attack="${CSS.escape(id)}"]`) ? id : back.dataset.lead;
  for (const one of back.querySelectorAll('.lethe-back-test')) one.hidden = one.dataset.attack !== wanted;
  for (const one of back.querySelectorAll('button[data-attack]')) one.setAttribute('aria-pressed', String(one.dataset.attack === wanted));
};

// What an attack found goes into the field of the red team.
root.addEventListener('click', event => {
  const press = event.target.closest('button[data-try]');
  if (!press) return;
  trigger('select', { try: press.dataset.try });
  const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
  setTimeout(() => document.querySelector('#red-team')?.scrollIntoView({ behavior, block: 'start' }), 400);  // once it has opened
});

let chosen = '';
root.addEventListener('click', event => {
  const press = event.target.closest('.lethe-back-list button[data-attack]');
  if (press) choose(chosen = press.dataset.attack);
});
document.addEventListener('lethe-drawn', () => choose(chosen));
choose(chosen);

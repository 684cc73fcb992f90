// The list of tests: a press shows that test's curves and picture in the place of the one before.
const choose = id => {
  const back = root.querySelector('.lethe-back');
  if (!back) return;
  const wanted = id && back.querySelector(`.lethe-back-test[data-attack="${CSS.escape(id)}"]`) ? id : back.dataset.lead;
  for (const one of back.querySelectorAll('.lethe-back-test')) one.hidden = one.dataset.attack !== wanted;
  for (const one of back.querySelectorAll('button[data-attack]')) one.setAttribute('aria-pressed', String(one.dataset.attack === wanted));
};

let chosen = '';
root.addEventListener('click', event => {
  const press = event.target.closest('.lethe-back-list button[data-attack]');
  if (press) choose(chosen = press.dataset.attack);
});
document.addEventListener('lethe-drawn', () => choose(chosen));
choose(chosen);

// The list of runs: its buttons, told to Python as one event; copying, ticking two, and asking twice stay in the browser.
const said = (button, words) => { const was = button.textContent; button.textContent = words; setTimeout(() => { button.textContent = was; }, 1800); };

root.addEventListener('click', async event => {
  const button = event.target.closest('button[data-act]');
  if (!button) return;
  const { act, run } = button.dataset;
  if (act === 'copy') {
    const to = new URL('./?run=' + encodeURIComponent(run), location).href;
    try { await navigator.clipboard.writeText(to); said(button, 'Copied'); } catch { prompt('The link to this run', to); }
  } else if (act === 'delete' && !button.dataset.sure) {
    button.dataset.sure = '1';
    said(button, 'Really delete?');
    setTimeout(() => { delete button.dataset.sure; }, 1800);
  } else {
    trigger('select', { act, run });
  }
});

const two = () => {
  const ticked = [...root.querySelectorAll('input[data-pick]:checked')];
  const bar = root.querySelector('.lethe-two-bar');
  if (!bar) return;
  bar.hidden = ticked.length === 0;
  const link = bar.querySelector('a');
  link.hidden = ticked.length !== 2;
  bar.querySelector('span').textContent = ticked.length === 1 ? 'One run is ticked; tick another to compare the two.' : ticked.length === 2 ? 'Two runs are ticked.' : 'Tick only two runs to compare them.';
  if (ticked.length === 2) link.href = 'compare?run=' + encodeURIComponent(ticked[0].dataset.pick) + '&with=' + encodeURIComponent(ticked[1].dataset.pick);
};
root.addEventListener('change', two);
watch('value', () => queueMicrotask(two));

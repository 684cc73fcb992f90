// The list of runs: its buttons, told to Python as one event; copying, ticking two, and asking twice stay in the browser.
const said = (button, words) => { const was = button.textContent; button.textContent = words; setTimeout(() => { button.textContent = was; }, 1800); };
const picked = new Set(); // outlives rows that are drawn anew

root.addEventListener('click', async event => {
  const button = event.target.closest('button[data-act]');
  if (!button) return;
  const { act, run } = button.dataset;
  if (act === 'copy') {
    const to = new URL(button.dataset.address, location).href;
    try { await navigator.clipboard.writeText(to); said(button, letheSay('Copied')); } catch { prompt(letheSay('The link to this run'), to); }
  } else if (act === 'delete' && !button.dataset.sure) {
    button.dataset.sure = '1';
    said(button, letheSay('Really delete?'));
    setTimeout(() => { delete button.dataset.sure; }, 1800);
  } else {
    trigger('select', { act, run });
  }
});

const two = () => {
  const boxes = [...root.querySelectorAll('input[data-pick]')];
  boxes.forEach(box => { box.checked = picked.has(box.dataset.pick); });
  const ticked = boxes.filter(box => box.checked);
  const bar = root.querySelector('.lethe-two-bar');
  if (!bar) return;
  bar.hidden = ticked.length === 0;
  const link = bar.querySelector('a');
  link.hidden = ticked.length !== 2;
  bar.querySelector('span').textContent = ticked.length === 1 ? letheSay('One run is ticked; tick another to compare the two.') : ticked.length === 2 ? letheSay('Two runs are ticked.') : letheSay('Tick only two runs to compare them.');
  if (ticked.length === 2) link.href = 'run?id=' + encodeURIComponent(ticked[0].dataset.pick) + '&with=' + encodeURIComponent(ticked[1].dataset.pick);
};
// A moment in the clock of whoever looks.
const local = () => root.querySelectorAll('time[datetime]').forEach(time => {
  const words = new Date(time.dateTime).toLocaleString(document.documentElement.lang === 'de' ? 'de' : undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  if (time.textContent !== words) time.textContent = words;
});
root.addEventListener('change', event => {
  const box = event.target.closest('input[data-pick]');
  if (!box) return;
  if (box.checked) picked.add(box.dataset.pick); else picked.delete(box.dataset.pick);
  two();
});
const arrange = () => { two(); local(); };
arrange();
watch('value', () => queueMicrotask(arrange));

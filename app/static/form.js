// The form of a new run: what an answer under way will change cannot be pressed until it is there, and methods unfold.
(() => {
  const MOST = 20_000; // milliseconds after which an answer that never came no longer holds anything
  let since = 0;
  const held = () => document.querySelectorAll('[data-held]');
  const hold = parts => {
    since = Date.now();
    document.querySelectorAll(parts).forEach(part => {
      part.inert = true;
      part.dataset.held = '';
      part.setAttribute('aria-busy', 'true');
    });
  };
  // Another model may have been chosen by then: its own answer releases what it holds.
  const release = () => {
    const chosen = document.querySelector('#model input:checked')?.value;
    const now = document.querySelector('#say [data-model]')?.dataset.model;
    if (chosen && now && chosen !== now && Date.now() - since < MOST) { setTimeout(release, 50); return; }
    held().forEach(part => {
      part.inert = false;
      delete part.dataset.held;
      part.removeAttribute('aria-busy');
    });
  };
  window.letheForm = { hold, release };
  addEventListener('click', event => {
    const button = event.target.closest?.('.lethe-more');
    if (!button) return;
    const all = document.querySelector('#method').classList.toggle('all');
    button.setAttribute('aria-expanded', String(all));
  });
})();

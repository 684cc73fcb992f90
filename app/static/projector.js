// The classroom's projector mode is a part of the address, ?projector=1, which Streamlit reads; this browser remembers the last choice.
(() => {
  const KEY = 'lethe-projector', NAME = 'projector';
  const named = () => new URLSearchParams(location.search).get(NAME);
  const remember = () => {
    const choice = named();
    if (choice !== '1' && choice !== '0') return;
    try { localStorage.setItem(KEY, choice); } catch { /* it lasts for this page */ }
  };
  let stored = null;
  try { stored = localStorage.getItem(KEY); } catch { /* nothing is remembered */ }
  if (named() === null && stored === '1') {
    const to = new URL(location);
    to.searchParams.set(NAME, '1');
    history.replaceState(history.state, '', to);
  }
  for (const name of ['pushState', 'replaceState']) {
    const write = history[name].bind(history);
    history[name] = (...given) => { write(...given); remember(); };
  }
  remember();
})();

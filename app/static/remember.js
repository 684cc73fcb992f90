// For the studio and the classroom. Where the browser lets this page keep nothing (a frame on another site, with storage refused), localStorage throws, and what
// reads it stops. Then a store of the page's own takes its place: it lives in this entry of the history, so a reload keeps it,
// and goes with the links of the page. From a link it is taken only here: whoever has storage keeps the identity they have.
(() => {
  const MARK = '#lethe-kept=';
  const given = location.hash.startsWith(MARK) ? location.hash.slice(MARK.length) : '';
  const clean = location.pathname + location.search;
  if (given) history.replaceState(history.state, '', clean); // an identity is not for the address bar, nor for who copies it
  try { localStorage.setItem('lethe-try', '1'); localStorage.removeItem('lethe-try'); return; } catch { /* refused */ }

  const kept = {};
  const take = values => { for (const [name, value] of Object.entries(values || {})) if (typeof value === 'string') kept[name] = value; };
  try { take(JSON.parse(decodeURIComponent(given || '%7B%7D'))); } catch { /* a link cut short */ }
  take(history.state && history.state.letheKept);
  for (const name of ['pushState', 'replaceState']) { // whoever writes an entry, as the classroom at each lesson: it holds this too
    const write = history[name].bind(history);
    history[name] = (state, ...more) => write({ ...state, letheKept: { ...kept } }, ...more);
  }
  const remember = () => history.replaceState(history.state, '');
  const store = {
    getItem: name => (Object.hasOwn(kept, name) ? kept[name] : null),
    setItem: (name, value) => { kept[name] = String(value); remember(); },
    removeItem: name => { delete kept[name]; remember(); },
    clear: () => { for (const name of Object.keys(kept)) delete kept[name]; remember(); },
    key: place => Object.keys(kept)[place] ?? null,
    get length() { return Object.keys(kept).length; },
  };
  Object.defineProperty(window, 'localStorage', { configurable: true, value: store });
  if (given) remember();
  window.letheUnkept = true;

  addEventListener('click', event => {
    const link = event.target instanceof Element && event.target.closest('a[href]');
    if (!link || event.button || link.origin !== location.origin || link.hash || link.closest('.lethe-unkept')) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    const { target } = link, before = link.getAttribute('href');
    link.hash = MARK + encodeURIComponent(JSON.stringify(kept));
    link.target = ''; // a tab of its own, as the classroom would open, may have a store and somebody else in it
    setTimeout(() => { link.setAttribute('href', before); link.target = target; }); // only for this one press
  }, true);
})();

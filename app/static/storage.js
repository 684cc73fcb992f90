// Where the browser lets this page keep nothing (a frame on another site, with storage refused), localStorage throws, and what
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
  const remember = () => history.replaceState({ ...history.state, letheKept: { ...kept } }, '');
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

  addEventListener('click', event => {
    const link = event.target instanceof Element && event.target.closest('a[href]');
    if (!link || event.button || link.target === '_blank' || link.origin !== location.origin || link.hash) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    const before = link.getAttribute('href');
    link.hash = MARK + encodeURIComponent(JSON.stringify(kept));
    setTimeout(() => link.setAttribute('href', before)); // only for this one press
  }, true);

  const tell = () => {
    if (document.querySelector('.lethe-unkept')) return;
    const note = document.createElement('p');
    note.className = 'lethe lethe-unkept';
    note.setAttribute('role', 'status');
    note.append('Your browser lets this page keep nothing: it knows you only here and through its own links, until you close it; ');
    const link = document.createElement('a');
    link.href = clean;
    link.target = '_blank';
    link.rel = 'noopener';
    link.textContent = 'a tab of its own';
    link.addEventListener('click', () => { link.href = location.pathname + location.search; });
    note.append(link, ' would remember you.');
    document.body.prepend(note);
  };
  if (document.body) tell(); else addEventListener('DOMContentLoaded', tell);
})();

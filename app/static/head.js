// Light or dark is the person's choice: kept in this browser, over the system's wish, under ?__theme= in the address.
(() => {
  const KEY = 'lethe-scheme';
  const inAddress = new URLSearchParams(location.search).get('__theme');
  const stored = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const apply = () => {
    const want = inAddress === 'dark' || inAddress === 'light' ? inAddress : stored();
    if (want && document.body.classList.contains('dark') !== (want === 'dark')) document.body.classList.toggle('dark', want === 'dark');
  };
  const press = () => {
    const want = document.body.classList.contains('dark') ? 'light' : 'dark';
    try { localStorage.setItem(KEY, want); } catch { /* private window: it lasts for this page */ }
    document.body.classList.toggle('dark', want === 'dark');
    if (!inAddress) return;
    const u = new URL(location);
    u.searchParams.set('__theme', want);
    history.replaceState(history.state, '', u); // the entry stays: what remember.js keeps in it must outlive the reload
    location.reload();
  };
  const dress = () => {
    const bar = document.querySelector('gradio-app .nav-holder');
    if (!bar) return;
    const here = bar.querySelector('a.active');
    const title = here && here.textContent.trim() + ' · Lethe';
    if (title && document.title !== title) document.title = title;
    if (here && here.getAttribute('aria-current') !== 'page') {
      here.setAttribute('aria-current', 'page');
      here.scrollIntoView({ block: 'nearest', inline: 'center' });
    }
    if (bar.querySelector('.lethe-scheme')) return;
    const button = document.createElement('button');
    button.className = 'lethe-scheme';
    button.type = 'button';
    button.textContent = '◐';
    button.title = letheSay('Light or dark');
    button.setAttribute('aria-label', letheSay('Switch between light and dark'));
    button.addEventListener('click', press);
    bar.append(button);
  };
  const start = () => {
    apply();
    new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ['class'] });
    dress();
    new MutationObserver(dress).observe(document.body, { childList: true, subtree: true });
  };
  if (document.body) start(); else addEventListener('DOMContentLoaded', start);
})();

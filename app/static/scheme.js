// Light or dark on a page without a server, before anything is drawn: the person's choice, else the system's wish.
(() => {
  const KEY = 'lethe-scheme';
  const wish = matchMedia('(prefers-color-scheme: dark)');
  const asked = new URLSearchParams(location.search).get('__theme');
  const stored = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const apply = () => {
    const want = asked === 'dark' || asked === 'light' ? asked : stored() || (wish.matches ? 'dark' : 'light');
    document.body.classList.toggle('dark', want === 'dark');
  };
  apply();
  wish.addEventListener('change', apply);
  addEventListener('DOMContentLoaded', () => {
    const button = document.querySelector('.lethe-scheme');
    button.hidden = false; // without scripts there is nothing to press
    button.addEventListener('click', () => {
      const want = document.body.classList.contains('dark') ? 'light' : 'dark';
      try { localStorage.setItem(KEY, want); } catch { /* it lasts for this page */ }
      document.body.classList.toggle('dark', want === 'dark');
    });
  });
})();

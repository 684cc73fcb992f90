// The first view goes when the page has what it stands for, or after a while whatever happens.
(() => {
  const first = document.getElementById('lethe-first');
  const asked = new URLSearchParams(location.search).get('__theme');
  let want = asked === 'dark' || asked === 'light' ? asked : null;
  try { want ??= localStorage.getItem('lethe-scheme'); } catch { /* private window */ }
  want ??= matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.body.classList.toggle('dark', want === 'dark');
  const away = () => { changes.disconnect(); first.remove(); };
  const page = document.querySelector('gradio-app');
  const changes = new MutationObserver(() => { if (page.querySelector(first.dataset.until)) away(); });
  changes.observe(page, { childList: true, subtree: true });
  setTimeout(away, 15000);
})();

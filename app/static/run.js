// The head of a run's page: its link is copied, another run or a second one is another address, and a link into a tab opens it.
(() => {
  addEventListener('change', ({ target }) => {
    const name = target.dataset?.choose;
    if (!name) return;
    const to = new URL(location);
    if (!target.value && name === 'id') return;
    if (target.value) to.searchParams.set(name, target.value); else to.searchParams.delete(name);
    if (name === 'id') ['with', 'step', 'dose', 'step2', 'dose2'].forEach(part => to.searchParams.delete(part));
    location.assign(to);
  });
  addEventListener('click', async event => {
    const copy = event.target.closest?.('[data-copy-link]'), link = event.target.closest?.('.lethe a[href*="tab="]');
    if (copy) {
      let words = letheSay('Link copied');
      try { await navigator.clipboard.writeText(window.letheLink?.() ?? location.href); } catch { words = letheSay('Copy it from the address bar'); }
      copy.textContent = words;
      setTimeout(() => { copy.textContent = letheSay('Share'); }, 2000);
    }
    const to = link && !event.metaKey && !event.ctrlKey && new URL(link.href), here = new URL(location);
    const tab = to && to.pathname === here.pathname && to.searchParams.get('id') === here.searchParams.get('id') && to.searchParams.get('tab');
    const button = tab && [...to.searchParams.keys()].every(name => ['id', 'tab', 'with', 'lang'].includes(name)) && document.getElementById(`run-tab-${tab}-button`);
    if (button) { event.preventDefault(); button.click(); }
  });
})();

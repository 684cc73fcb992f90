// In the frame of a Space: links lead to the page around it, and where the Hub listens, that page's address says what is open here.
(() => {
  const { id, writesBack } = window.letheSpace, AROUND = 'https://huggingface.co', OWN = ['__sign', '__theme', 'logs'];
  const framed = window.parent !== window;
  // The page around knows no paths of ours: a run is named by its query, which the first page leads on (app/moved.py).
  const query = () => {
    const from = new URLSearchParams(location.search), to = new URLSearchParams(), page = location.pathname.split('/').pop();
    if (page === 'run' && from.get('id')) to.set('run', from.get('id'));
    from.forEach((value, name) => { if (!OWN.includes(name) && !(page === 'run' && name === 'id')) to.append(name, value); });
    return page === 'run' || page === 'new' ? to.toString() : '';
  };
  window.letheLink = () => {
    if (framed) return `${AROUND}/spaces/${id}${query() && '?' + query()}${location.hash}`;
    const here = new URL(location);
    OWN.forEach(name => here.searchParams.delete(name));
    return here.href;
  };
  if (!framed || !writesBack) return;
  const tell = () => window.parent.postMessage({ queryString: query(), hash: location.hash }, AROUND);
  for (const name of ['replaceState', 'pushState']) {
    const was = history[name];
    history[name] = function (...given) { was.apply(this, given); tell(); };
  }
  addEventListener('popstate', tell);
  addEventListener('hashchange', tell);
  tell();
})();

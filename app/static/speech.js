// The language of the page stands in its address, as lang=de: every link inside the studio takes it along, whoever opens or copies it, and
// the bar has each language as a link to the same page. What scripts say, see say.js.
(() => {
  const { language, names } = window.letheSpeech;
  document.documentElement.lang = language;

  const asked = () => new URLSearchParams(location.search).get('lang');
  const keep = event => {
    const link = asked() && event.target instanceof Element && event.target.closest('a[href]');
    if (!link || link.origin !== location.origin || link.hreflang || link.getAttribute('href').startsWith('#')) return;
    const to = new URL(link.href);
    if (to.searchParams.has('lang')) return;
    to.searchParams.set('lang', asked());
    link.href = to;
  };
  // A link takes the language along before it is pressed, opened beside, dragged or copied.
  for (const name of ['pointerover', 'pointerdown', 'focusin', 'click']) addEventListener(name, keep, true);

  const inLanguage = code => { const to = new URL(location); to.searchParams.set('lang', code); return to.pathname + to.search; };
  const choice = () => {
    const box = document.createElement('nav'); // what a screen reader can go to
    box.className = 'lethe-languages';
    box.setAttribute('aria-label', Object.values(names).join(', '));
    for (const [code, name] of Object.entries(names)) {
      const link = document.createElement('a');
      Object.assign(link, { href: inLanguage(code), hreflang: code, lang: code, textContent: code.toUpperCase(), title: name });
      link.setAttribute('aria-label', name);
      if (code === language) link.setAttribute('aria-current', 'true');
      // the address may have changed since: a tab, a run beside it
      for (const event of ['pointerover', 'pointerdown', 'focus', 'click']) link.addEventListener(event, () => { link.href = inLanguage(code); });
      box.append(link);
    }
    return box;
  };
  const dress = () => {
    for (const bar of document.querySelectorAll('.nav-holder')) if (!bar.querySelector('.lethe-languages')) bar.insertBefore(choice(), bar.querySelector('.lethe-scheme, .scheme'));
  };
  const start = () => { dress(); new MutationObserver(dress).observe(document.body, { childList: true, subtree: true }); };
  if (document.body) start(); else addEventListener('DOMContentLoaded', start);
})();

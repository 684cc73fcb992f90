// Gives the parts of a page without a server the scripts that they have in the studio: `parts` by name, each a function of what
// Gradio would hand it. What they want to ask of a server is asked of nobody.
document.addEventListener('lethe-ask', event => event.stopImmediatePropagation(), true); // the figure says itself what it cannot know
{ // In the frame of a Space the page around is told which file is open, and opens it again.
  const page = new URLSearchParams(location.search).get('page') || '';
  const around = { queryString: `page=${location.pathname.split('/').pop() || 'index.html'}`, hash: location.hash };
  const tell = () => window.parent.postMessage({ ...around, hash: location.hash }, 'https://huggingface.co');
  if (/^[\w.-]+\.html$/.test(page)) location.replace(page + location.hash);
  else if (window.parent !== window) { addEventListener('hashchange', tell); tell(); }
}
for (const element of document.querySelectorAll('[data-part]')) {
  parts[element.dataset.part](element, { value: element.firstElementChild.innerHTML }, () => {}, () => {});
  element.dataset.alive = '';
}
document.querySelector('.lethe-static-tabs [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });

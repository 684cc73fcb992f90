// Gives the parts of a page without a server the scripts that they have in the studio: `parts` by name, each a function of what
// Gradio would hand it. What they want to ask of a server is asked of nobody.
document.addEventListener('lethe-ask', event => event.stopImmediatePropagation(), true); // the figure says itself what it cannot know
for (const element of document.querySelectorAll('[data-part]')) {
  parts[element.dataset.part](element, { value: element.firstElementChild.innerHTML }, () => {}, () => {});
  element.dataset.alive = '';
}
document.querySelector('.lethe-static-tabs [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });

// Presses in the answers: a near question is asked, the link to the page is copied.
document.addEventListener('click', async event => {
  const pressed = event.target.closest?.('#play-seen a[data-prompt], #play-seen [data-copy]');
  if (!pressed || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (pressed.dataset.prompt) { event.preventDefault(); say(pressed.dataset.prompt); return; }
  const words = pressed.textContent;
  try { await navigator.clipboard.writeText(location.href); } catch { prompt(letheSay('The link to this page'), location.href); return; }
  pressed.textContent = letheSay('Copied');
  setTimeout(() => { pressed.textContent = words; }, 1800);
});

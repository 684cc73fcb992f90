// Drawn pictures, wherever they stand on a page: the line that wipes between before and after, and which pair it wipes.
(() => {
  const wipe = slider => {
    const at = Number(slider.value);
    slider.parentElement.style.setProperty('--at', at + '%');
    slider.setAttribute('aria-valuetext', `${at} % before, ${100 - at} % after`);
  };
  const choose = radio => {
    const area = radio.closest('.lethe-drawings');
    const figure = area?.querySelector(`figure[data-shot="${CSS.escape(radio.value)}"]`);
    const stage = area?.querySelector('.lethe-wipe');
    if (!figure || !stage) return;
    const from = figure.querySelectorAll('img');
    stage.querySelectorAll('img').forEach((image, i) => { image.src = from[i].src; image.alt = from[i].alt; });
    stage.querySelector('figcaption').textContent = figure.dataset.caption;
  };
  addEventListener('input', ({ target }) => {
    if (target.matches?.('.lethe-wipe input[type="range"]')) wipe(target);
    if (target.matches?.('.lethe-wipe-choices input[type="radio"]')) choose(target);
  });
})();

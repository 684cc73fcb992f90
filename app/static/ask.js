// What a person can ask: chips, forms with a slot, pictures and a paper to draw on. Every question leaves as `select` with `prompt`.
const one = selector => root.querySelector(selector);
const say = prompt => trigger('select', { prompt });

// ---- forms: the chosen one puts its words around its own list
const slot = () => [...root.querySelectorAll('.slot select')].find(list => !list.hidden);
const shape = () => {
  const form = one('.lethe-forms .form')?.selectedOptions[0];
  if (!form) return;
  one('.slot .before').textContent = form.dataset.before;
  one('.slot .after').textContent = form.dataset.after;
  for (const list of root.querySelectorAll('.slot select')) list.hidden = list.dataset.list !== form.dataset.list;
};
const question = () => {
  const form = one('.lethe-forms .form').selectedOptions[0].dataset;
  return form.before + slot().value + form.after;
};

// ---- the paper: what is drawn has the size, the ground and the ink of the pictures that the model learned from
const grey = value => `rgb(${value},${value},${value})`;
const wipe = canvas => {
  const pen = canvas.getContext('2d');
  pen.fillStyle = grey(canvas.dataset.ground);
  pen.fillRect(0, 0, canvas.width, canvas.height);
};
const small = canvas => {
  const side = Number(canvas.dataset.side), out = document.createElement('canvas');
  out.width = out.height = side;
  const pen = out.getContext('2d');
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(canvas, 0, 0, side, side);
  return out.toDataURL('image/png');
};
const paper = () => {
  const canvas = one('canvas');
  if (!canvas || canvas.dataset.ready) return;
  canvas.dataset.ready = '1';
  wipe(canvas);
  const pen = canvas.getContext('2d');
  let from = null, wait = 0;
  const at = event => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
  };
  const line = to => {
    pen.strokeStyle = grey(canvas.dataset.ink);
    pen.lineWidth = Number(one('.thickness').value);
    pen.lineCap = pen.lineJoin = 'round';
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    from = to;
  };
  canvas.addEventListener('pointerdown', event => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    clearTimeout(wait);
    from = at(event);
    line(from);
    event.preventDefault();
  });
  canvas.addEventListener('pointermove', event => {
    if (from) for (const moved of event.getCoalescedEvents?.() ?? [event]) line(at(moved));
  });
  const lift = () => {
    if (!from) return;
    from = null;
    wait = setTimeout(() => say(small(canvas)), 300);  // strokes that follow each other are one question
  };
  canvas.addEventListener('pointerup', lift);
  canvas.addEventListener('pointercancel', lift);
};

root.addEventListener('change', event => { if (event.target.matches('.form')) shape(); });
root.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.prompt) say(button.dataset.prompt);
  else if (button.matches('.go')) say(question());
  else if (button.matches('.clear')) wipe(one('canvas'));
});
shape();
paper();
watch('value', () => { shape(); paper(); });

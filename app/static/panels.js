// Brings the HTML of app/view.py to life inside one gr.HTML: draws the plots in the page's colours, shows what a pointer is
// held over, scrubs through steps, sorts tables. New data keep each plot, open fold-out and slider where they were.
const root = element.querySelector('.lethe') || element;
const small = matchMedia('(max-width: 760px)');
const still = matchMedia('(prefers-reduced-motion: reduce)');

const colours = () => {
  const style = getComputedStyle(document.body);
  const of = name => style.getPropertyValue('--lethe-' + name).trim();
  return { ink: of('ink'), quiet: of('quiet'), grid: of('grid'), zero: of('zero'), paper: of('paper'), line: of('line') };
};

const inColours = layout => {
  const c = colours();
  const out = { ...layout, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', font: { ...layout.font, color: c.ink } };
  for (const key of Object.keys(out)) {
    if (!/^[xy]axis\d*$/.test(key)) continue;
    out[key] = { ...out[key], gridcolor: c.grid, zerolinecolor: c.zero, linecolor: c.line, tickcolor: c.zero };
  }
  out.hoverlabel = { ...out.hoverlabel, bgcolor: c.paper, bordercolor: c.zero, font: { ...(out.hoverlabel || {}).font, color: c.ink } };
  const mark = a => ({ ...a, ...(a.bgcolor ? { bgcolor: c.paper } : {}), font: { ...a.font, color: c.ink } });
  if (out.annotations) out.annotations = out.annotations.map(mark);
  if (out.sliders) out.sliders = out.sliders.map(s => ({ ...s, bgcolor: c.ink, activebgcolor: c.quiet, bordercolor: c.zero, tickcolor: c.zero, font: { ...s.font, color: c.ink } }));
  if (out.updatemenus) out.updatemenus = out.updatemenus.map(m => ({ ...m, bgcolor: c.paper, bordercolor: c.zero, font: { ...m.font, color: c.ink } }));
  out.modebar = { ...out.modebar, bgcolor: 'rgba(0,0,0,0)', color: c.quiet, activecolor: c.ink };
  if (small.matches) { out.margin = { ...out.margin, l: Math.min((out.margin || {}).l ?? 8, 8), r: 8 }; }
  return out;
};

// What cannot be read on a phone is left to the pointer and the table.
const forPhone = figure => {
  const short = text => {
    const plain = text.replace(/<[^>]*>/g, '');
    return plain.length > 16 ? plain.slice(0, 7) + '…' + plain.slice(-8) : text;
  };
  for (const trace of figure.data) {
    if (trace.type === 'heatmap') { trace.showscale = false; if (trace.x.length > 6) delete trace.texttemplate; }
    if (trace.mode === 'markers+text' && trace.x.length > 5) trace.mode = 'markers';
  }
  for (const axis of [figure.layout.xaxis, figure.layout.yaxis]) {
    if (!axis) continue;
    if (Array.isArray(axis.ticktext)) axis.ticktext = axis.ticktext.map(short); else axis.nticks = 4;
  }
  const across = figure.layout.xaxis;
  if (across && Array.isArray(across.ticktext)) across.tickangle = -90;
  delete figure.layout.updatemenus;
  for (const slider of figure.layout.sliders || []) Object.assign(slider, { x: 0.04, len: 0.92 });
};

const point = (event, panel) => {
  const p = event.points[0];
  return { panel, x: p.x, y: p.y, z: p.z ?? null, curve: p.curveNumber, index: p.pointIndex ?? p.pointNumber ?? null, id: p.customdata ?? null };
};

const preview = (div, id) => {
  const place = div.closest('.lethe-panel')?.querySelector('.lethe-preview');
  // Several matrices may show the same pictures; they come with one of them.
  const plots = [div, ...root.querySelectorAll('.lethe-plot')];
  const known = place && plots.map(plot => plot.previews?.[String(id)]).find(Boolean);
  if (known) place.innerHTML = known;
};

// A matrix by keyboard: arrow keys choose a cell, Enter does what a click does.
const byKeyboard = (div, panel) => {
  let [row, column] = [0, 0];
  div.addEventListener('keydown', e => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[e.key];
    if (!step && e.key !== 'Enter') return;
    e.preventDefault();
    const { customdata, z } = div.data[0];
    const [down, right] = step || [0, 0];
    row = Math.min(Math.max(row + down, 0), customdata.length - 1);
    column = Math.min(Math.max(column + right, 0), customdata[row].length - 1);
    Plotly.Fx.hover(div, [{ curveNumber: 0, xval: column, yval: row }], 'xy');
    if (step) return;
    const id = customdata[row][column];
    preview(div, id);
    trigger('select', { panel, x: column, y: row, z: z[row][column], curve: 0, index: [row, column], id });
  });
};

// plotly.js is 5 MB that keep a browser busy for a second: it comes with the first plot that somebody can see.
const plotly = () => window.lethePlotly ??= new Promise((done, failed) => {
  if (window.Plotly) { done(); return; }
  const script = document.createElement('script');
  Object.assign(script, { src: '/vendor/plotly.min.js', onload: done, onerror: () => { window.lethePlotly = null; script.remove(); failed(); } });
  document.head.append(script);
});

const draw = async div => {
  try { await plotly(); } catch { setTimeout(() => near.observe(div), 2000); return; }
  const figure = JSON.parse(div.dataset.figure);
  div.previews = div.dataset.previews ? JSON.parse(div.dataset.previews) : null;
  const config = { responsive: true, displaylogo: false, displayModeBar: small.matches ? false : 'hover', modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'] };
  if (small.matches) forPhone(figure);
  if (still.matches) delete figure.layout.updatemenus;
  await Plotly.react(div, figure.data, inColours(figure.layout), config);
  if (figure.frames && figure.frames.length) { Plotly.deleteFrames(div); await Plotly.addFrames(div, figure.frames); }
  div.querySelector('.lethe-plot-wait')?.remove();
  if (div.dataset.bound) return;
  div.dataset.bound = '1';
  const panel = Number(div.dataset.panel);
  div.on('plotly_click', e => { const p = point(e, panel); preview(div, p.id); trigger('select', p); });
  if ('cells' in div.dataset) byKeyboard(div, panel);
  else div.on('plotly_hover', e => preview(div, point(e, panel).id));
};

const near = new IntersectionObserver(seen => seen.forEach(({ target, isIntersecting }) => {
  if (!isIntersecting) return;
  near.unobserve(target);
  draw(target);
}), { rootMargin: '120px 0px' });

// A part of a network that is pressed is opened below it, in the place of the one before.
root.addEventListener('click', event => {
  const press = event.target.closest('[data-opens]');
  const network = press?.closest('.lethe-network');
  if (!network) return;
  for (const one of network.querySelectorAll('[data-opens]')) one.setAttribute('aria-expanded', String(one === press));
  for (const one of network.querySelectorAll('[data-opened]')) one.hidden = one.dataset.opened !== press.dataset.opens;
});

const scrub = slider => {
  const area = slider.closest('.lethe-panel, .lethe-card');
  const steps = JSON.parse(slider.dataset.steps);
  const show = () => {
    const step = steps[Number(slider.value)];
    if (!step) return;
    area.querySelector('output').textContent = step.name;
    slider.setAttribute('aria-valuetext', step.name);
    for (const [id, seen] of Object.entries(step.items)) {
      const item = area.querySelector(`[data-item="${CSS.escape(id)}"]`);
      if (!item) continue;
      item.querySelector('.share').textContent = seen[0];
      item.querySelector('.lethe-bar > i').style.width = seen[1] + '%';
      item.querySelector('.guess').textContent = seen[2];
      if (seen.length > 3) { const image = item.querySelector('img'); image.hidden = !seen[3]; if (seen[3]) image.src = seen[3]; }
    }
  };
  slider.addEventListener('input', show);
  show();
};

const sortable = table => table.querySelectorAll('thead th button').forEach(button => button.addEventListener('click', () => {
  const head = button.closest('th');
  const column = [...head.parentElement.children].indexOf(head);
  const up = head.getAttribute('aria-sort') !== 'ascending';
  head.parentElement.querySelectorAll('th').forEach(th => th.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  const key = row => row.children[column].dataset.sort ?? row.children[column].textContent.trim();
  const blank = value => value === '' || value === 'NaN';
  const body = table.tBodies[0];
  [...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (blank(x) || blank(y)) return blank(x) - blank(y);
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return up ? order : -order;
  }).forEach(row => body.append(row));
}));

const keepPlaces = fresh => {
  fresh.querySelectorAll('.lethe-plot[data-key]').forEach(div => {
    const old = root.querySelector(`.lethe-plot[data-key="${CSS.escape(div.dataset.key)}"][data-bound]`);
    if (!old || ('cells' in old.dataset) !== ('cells' in div.dataset)) return;
    for (const name of ['figure', 'previews', 'panel']) {
      if (name in div.dataset) old.dataset[name] = div.dataset[name]; else delete old.dataset[name];
    }
    old.style.height = div.style.height;
    div.replaceWith(old);
  });
  const before = [...root.querySelectorAll('details')].map(d => d.open);
  const now = [...fresh.querySelectorAll('details')];
  if (before.length === now.length) now.forEach((d, i) => { d.open = before[i]; });
  const was = [...root.querySelectorAll('.lethe-scrub input')];
  fresh.querySelectorAll('.lethe-scrub input').forEach((input, i) => {
    if (was[i] && was[i].value !== was[i].max) input.value = was[i].value;
  });
};

// An answer to an earlier choice that comes late never takes the place of what the address asks for now.
const late = fresh => {
  const of = fresh.querySelector('[data-of]');
  if (!of) return false;
  const now = new URLSearchParams(location.search);
  const { run, inspector, with: beside } = JSON.parse(of.dataset.of);
  return (now.get('run') || run) !== run || (now.get('inspector') || inspector) !== inspector || (now.get('with') || '') !== beside;
};

const show = () => {
  const template = document.createElement('template');
  template.innerHTML = props.value || '';
  const fresh = template.content;
  if (late(fresh)) return;
  keepPlaces(fresh);
  root.replaceChildren(fresh);
  root.querySelectorAll('.lethe-plot').forEach(div => 'bound' in div.dataset ? draw(div) : near.observe(div));
  root.querySelectorAll('.lethe-scrub input').forEach(scrub);
  root.querySelectorAll('table.sortable').forEach(sortable);
  document.dispatchEvent(new Event('lethe-drawn'));
};

// A figure wants to know something that only the server can tell; the answer comes as `lethe-reply`.
root.addEventListener('lethe-ask', event => { event.preventDefault(); trigger('ask', event.detail); });

// A plot that was drawn inside a closed fold-out takes its width when that is opened.
root.addEventListener('toggle', ({ target }) => {
  if (target.open) target.querySelectorAll('.lethe-plot[data-bound]').forEach(div => Plotly.Plots.resize(div));
}, true);

show();
watch('value', show);
root.addEventListener('toggle', ({ target }) => target.querySelectorAll?.('.lethe-plot[data-bound]').forEach(div => Plotly.Plots.resize(div)), true);
new MutationObserver(() => root.querySelectorAll('.lethe-plot[data-bound]').forEach(draw)).observe(document.body, { attributes: true, attributeFilter: ['class'] });

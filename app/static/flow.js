// Routing shift: tokens as columns, layers as rows, a disc for each choice of an expert. All that was computed comes with the figure;
// what was not is asked of the page by the event `lethe-ask` and comes back by `lethe-reply`.
(() => {
  const kept = new Map(); // figure -> what was chosen in it, so that a page that is shown anew does not forget it
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const FOLDED = 6, PACE = 420, TYPED = 22; // layers; milliseconds a token, and a character
  let count = 0;

  const make = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children.filter(child => child !== null));
    return node;
  };
  const number = value => (value === null || value === undefined || value === '' ? NaN : Number(value));
  const short = value => value.toFixed(1).replace(/\.0$/, '');
  const percent = value => `${short(value)}\u00a0%`;
  const signed = value => (Math.round(value) > 0 ? '+' : '') + Math.round(value);
  const names = (text, fact) => fact !== '' && text.toLowerCase().includes(fact.toLowerCase());
  const written = token => (token === '\n' ? '↵' : token.trim() === '' ? '␣' : token.trim());

  class RoutingShift extends HTMLElement {
    connectedCallback() {
      if (this.data) return;
      this.data = JSON.parse(this.dataset.panel);
      this.replies = new Map();
      this.data.off.forEach(one => one.answers.forEach((said, text) => this.replies.set(this.key(text, one.layer, one.expert), {
        said, facts: this.data.facts, regained: one.regained, lost: one.lost, done: true,
      })));
      const best = this.data.off[0] || { layer: 0, expert: 0 };
      const start = { text: 0, when: 'after', rows: 'most', layer: best.layer, expert: best.expert, shelf: best.layer, way: 'forced' };
      this.chosen = kept.get(this.dataset.panel) || start;
      kept.set(this.dataset.panel, this.chosen);
      this.find = selector => this.querySelector(selector);
      this.dress();
      this.listen();
      this.hear = ({ detail }) => this.answered(detail);
      document.addEventListener('lethe-reply', this.hear);
      this.all();
    }

    disconnectedCallback() {
      document.removeEventListener('lethe-reply', this.hear);
      this.stop();
    }

    get text() { return this.data.texts[this.chosen.text]; }

    key(text, layer, expert) { return [text, layer, expert].join(); }

    dress() {
      const id = `lethe-routing-${count++}`;
      this.querySelectorAll('.lethe-segments').forEach(group => group.querySelectorAll('input').forEach(input => {
        input.name = `${id}-${group.dataset.choice}`;
        input.checked = input.value === this.chosen[group.dataset.choice];
      }));
      this.find('select[data-choice="text"]').value = this.chosen.text;
      this.find('select[data-choice="layer"]').replaceChildren(
        ...this.data.layers.map((words, at) => make('option', { value: at, textContent: words, selected: at === this.chosen.shelf })));
    }

    listen() {
      this.addEventListener('change', ({ target }) => {
        const of = target.closest('[data-choice]')?.dataset.choice;
        if (!of) return;
        if (of === 'layer') { this.chosen.shelf = Number(target.value); this.drawLegend(); return; }
        this.chosen[of] = of === 'when' || of === 'rows' ? target.value : Number(target.value);
        this.all();
      });
      this.addEventListener('click', ({ target }) => {
        const button = target.closest('button');
        if (!button) return;
        if (button.matches('.play')) this.timer ? this.stop() : this.play();
        else if (button.dataset.way) { this.chosen.way = button.dataset.way; this.all(); }
        else if (button.dataset.expert) {
          const second = target.closest('.second');
          this.pick(Number(button.dataset.layer), Number((second || button).dataset.expert));
        }
      });
      this.find('.stage').addEventListener('keydown', event => this.walk(event));
    }

    walk(event) {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const rows = [...this.querySelectorAll('.stage tbody tr')].map(row => [...row.querySelectorAll('button')]);
      const row = rows.findIndex(buttons => buttons.includes(document.activeElement));
      const column = row < 0 ? -1 : rows[row].indexOf(document.activeElement);
      const clamp = (value, most) => Math.min(Math.max(value, 0), most - 1);
      const next = row < 0 ? rows[0]?.[0] : rows[clamp(row + step[0], rows.length)]?.[clamp(column + step[1], rows[row].length)];
      if (!next) return;
      this.querySelectorAll('.stage tbody button').forEach(button => { button.tabIndex = button === next ? 0 : -1; });
      next.focus();
    }

    pick(layer, expert) {
      Object.assign(this.chosen, { layer, expert, shelf: layer, way: 'off' });
      this.find('select[data-choice="layer"]').value = layer;
      this.all();
    }

    all() {
      this.stop();
      const focus = document.activeElement?.dataset?.at;
      this.drawTable();
      if (focus) this.find(`.stage button[data-at="${focus}"]`)?.focus();
      this.drawCount();
      this.drawLegend();
      this.drawCards();
    }

    // --- the choices

    cell(layer, token) {
      const [was, now] = [this.text.before[layer]?.[token] || [], this.text.after[layer]?.[token] || []];
      const here = this.chosen.when === 'before' ? was : now;
      const there = this.chosen.when === 'before' ? now : was;
      return { was, now, here, moved: here.map(expert => !there.includes(expert)) };
    }

    movedIn(layer) {
      return this.text.tokens.reduce((sum, _, token) => {
        const was = this.text.before[layer]?.[token] || [];
        return sum + (this.text.after[layer]?.[token] || []).filter(expert => !was.includes(expert)).length;
      }, 0);
    }

    get layers() {
      const every = this.data.layers.map((_, at) => at);
      if (every.length <= this.data.rows || this.chosen.rows === 'all') return every;
      return every.sort((a, b) => this.movedIn(b) - this.movedIn(a) || a - b).slice(0, FOLDED).sort((a, b) => a - b);
    }

    colours(expert) {
      const [fill, ink] = this.data.palette[expert % this.data.palette.length];
      return `--fill:${fill};--ink:${ink}`;
    }

    drawTable() {
      const { tokens, answer, marked, role } = this.text;
      const names = new Set(marked);
      const part = (words, span) => (span > 0 ? make('th', { colSpan: span, scope: 'colgroup', textContent: words }) : null);
      const head = make('thead', {},
        make('tr', { className: 'parts' }, make('td'), part('question', answer), part('true answer', tokens.length - answer)),
        make('tr', { className: 'tokens' }, make('td'), ...tokens.map((token, at) => {
          const cell = make('th', { scope: 'col', textContent: written(token), className: at === answer ? 'first' : '' });
          cell.dataset.token = at;
          if (names.has(at)) cell.dataset.role = role;
          return cell;
        })));
      const body = make('tbody', {}, ...this.layers.map((layer, row, shown) => this.row(layer, row, shown[row - 1])));
      this.find('table').replaceChildren(head, body);
      this.dataset.when = this.chosen.when;
      const first = body.querySelector('button');
      if (first) first.tabIndex = 0;
    }

    row(layer, row, above) {
      const line = make('tr', {}, make('th', { scope: 'row', textContent: this.data.layers[layer] }));
      if (row && above !== layer - 1) line.className = 'skipped';
      line.style.setProperty('--row', row);
      this.text.tokens.forEach((token, at) => {
        const { was, now, here, moved } = this.cell(layer, at);
        const cell = make('td', { className: [moved.some(Boolean) ? 'moved' : '', at === this.text.answer ? 'first' : ''].join(' ').trim() });
        cell.dataset.token = at;
        const from = above === undefined ? here[0] : this.cell(above, at).here[0];
        const to = this.data.palette;
        cell.style.cssText = `--from:${to[(from ?? 0) % to.length][0]};--to:${to[(here[0] ?? 0) % to.length][0]}`;
        if (here.length) cell.append(this.disc(layer, at, token, { was, now, here, moved }));
        line.append(cell);
      });
      return line;
    }

    disc(layer, at, token, { was, now, here, moved }) {
      const plain = list => list.map(expert => expert + 1).join(', ');
      const same = was.length === now.length && now.every(expert => was.includes(expert));
      const where = letheSay('{layer}, {token}: expert {experts}', { layer: this.data.layers[layer], token: written(token), experts: plain(here) });
      const other = this.chosen.when === 'before' ? letheSay('unlearned: {experts}', { experts: plain(now) }) : letheSay('original: {experts}', { experts: plain(was) });
      const off = expert => this.chosen.way === 'off' && layer === this.chosen.layer && expert === this.chosen.expert;
      const button = make('button', { type: 'button', tabIndex: -1, title: `${where} (${same ? letheSay('the same in both models') : other})` }, make('b', { textContent: here[0] + 1 }));
      button.setAttribute('aria-label', `${where}${same ? '' : letheSay(', moved; {other}', { other })}`);
      button.className = ['disc', moved[0] ? 'ring' : '', !moved[0] && moved.slice(2).some(Boolean) ? 'later-ring' : '', off(here[0]) ? 'off' : ''].filter(Boolean).join(' ');
      button.style.cssText = this.colours(here[0]);
      Object.assign(button.dataset, { layer, expert: here[0], at: `${layer}.${at}` });
      if (here.length > 1) {
        const second = make('span', { className: ['second', moved[1] ? 'ring' : '', off(here[1]) ? 'off' : ''].filter(Boolean).join(' '), textContent: here[1] + 1 });
        second.style.cssText = this.colours(here[1]);
        second.dataset.expert = here[1];
        button.append(second);
      }
      return button;
    }

    drawCount() {
      const every = this.data.layers.reduce((sum, _, layer) => sum + this.text.tokens.reduce((all, __, token) => all + (this.text.after[layer]?.[token] || []).length, 0), 0);
      const moved = this.data.layers.reduce((sum, _, layer) => sum + this.movedIn(layer), 0);
      const stayed = number(this.data.stayed);
      const number_ = make('strong', { textContent: letheSay('{moved} of {every}', { moved, every }) });
      const over = Number.isFinite(stayed) ? letheSay(' Over {over} forget-set tokens, {stayed} of the choices stayed.', { over: this.data.over.toLocaleString(document.documentElement.lang || 'en'), stayed: percent(stayed) }) : '';
      const now = this.chosen.when === 'after' ? letheSay(' choices went to another expert in this sentence.') : letheSay(' choices of the original model, in dotted rings, go to another expert after unlearning.');
      this.find('.count').replaceChildren(number_, now + over);
    }

    // --- experts and answers

    drawLegend() {
      const { layer, expert, shelf, way } = this.chosen;
      const points = this.data.points[shelf] || [];
      const chips = Array.from({ length: this.data.experts }, (_, at) => {
        const gain = number(points[at]);
        const note = Math.abs(gain) >= 0.5 ? make('small', { textContent: signed(gain) }) : null;
        const chip = make('button', { type: 'button' }, make('i', { textContent: at + 1 }), note);
        chip.style.cssText = this.colours(at);
        Object.assign(chip.dataset, { layer: shelf, expert: at });
        chip.setAttribute('aria-pressed', String(way === 'off' && shelf === layer && at === expert));
        chip.setAttribute('aria-label', note ? letheSay('expert {expert}, {gain} points', { expert: at + 1, gain: signed(gain) }) : letheSay('expert {expert}', { expert: at + 1 }));
        return chip;
      });
      const box = this.find('.experts'), left = box.scrollLeft;
      const focus = box.contains(document.activeElement) && document.activeElement.dataset.expert;
      box.replaceChildren(...chips);
      box.scrollLeft = left;
      if (focus !== false && focus !== undefined) box.querySelector(`[data-expert="${focus}"]`)?.focus({ preventScroll: true });
      const words = letheSay('Beside an expert: points of probability that the forgotten answers gain without it.');
      this.find('.legend .note').textContent = points.length ? words : '';
    }

    drawCards() {
      const { original, unlearned, forced, fact, question } = this.text;
      const { layer, expert, way, text } = this.chosen;
      const { facts, answered } = this.data;
      const own = this.find('.own');
      this.answer(own.querySelector('.answer'), unlearned, fact);
      own.querySelector('.note').replaceChildren(letheSay('Original model: '), make('b', { textContent: original || letheSay('(it says nothing)') }));
      const name = letheSay('expert {expert} of {layer}', { expert: expert + 1, layer: this.data.layers[layer] });
      this.querySelectorAll('[data-way]').forEach(button => button.setAttribute('aria-pressed', String(button.dataset.way === way)));
      this.find('[data-way="off"]').textContent = letheSay('Switch off {name}', { name });
      if (way === 'forced') {
        const many = facts ? letheSay('Facts named, of {facts} in the forget set: {own} with its own routing, {forced} with the old routing, {original} by the original model.', { facts, own: answered.unlearned ?? '?', forced: answered.forced ?? '?', original: answered.original ?? '?' }) : '';
        this.other(forced, many);
        return;
      }
      const key = this.key(text, layer, expert);
      let reply = this.replies.get(key);
      if (!reply) {
        const detail = { run: this.data.run, question, layer, expert };
        const asked = !this.dispatchEvent(new CustomEvent('lethe-ask', { bubbles: true, cancelable: true, detail }));
        reply = asked ? { said: '', waiting: true } : { said: '', error: letheSay('This expert was not switched off in advance; open the run in the studio to ask it.') };
        this.replies.set(key, reply);
      }
      this.other(reply.said, this.outcome(reply), reply.error ? 'failed' : reply.waiting ? 'waiting' : '');
    }

    outcome({ error, waiting, facts, regained, lost, done }) {
      if (error) return error;
      if (facts) {
        const back = regained === 1 ? letheSay('Of {facts} facts in the forget set, {regained} comes back without this expert', { facts, regained }) : letheSay('Of {facts} facts in the forget set, {regained} come back without this expert', { facts, regained });
        return back + (lost === 1 ? letheSay(', and {lost} more is lost.', { lost }) : letheSay(', and {lost} more are lost.', { lost }));
      }
      if (done) return letheSay('Asked of this question only: this model is too large to ask the forget set at once.');
      return waiting ? letheSay('The unlearned model is asked without this expert…') : letheSay('Now the questions of the forget set are asked without it…');
    }

    answered(detail) {
      if (detail.run !== this.data.run) return;
      this.data.texts.forEach((one, text) => {
        if (one.question !== detail.question) return;
        const reply = { ...detail, said: detail.said || '' };
        const key = this.key(text, detail.layer, detail.expert);
        if (detail.error) this.replies.delete(key); else this.replies.set(key, reply);
        const { chosen } = this;
        if (chosen.way === 'off' && key === this.key(chosen.text, chosen.layer, chosen.expert)) this.other(reply.said, this.outcome(reply), reply.error ? 'failed' : '');
      });
    }

    answer(place, words, fact) {
      const at = fact ? words.toLowerCase().indexOf(fact.toLowerCase()) : -1;
      const pieces = at < 0 ? [words] : [words.slice(0, at), make('mark', { textContent: words.slice(at, at + fact.length) }), words.slice(at + fact.length)];
      const sign = names(words, fact) ? '✓ names the fact' : '✕ does not name the fact';
      place.replaceChildren(...(words ? pieces : ['(it says nothing)']), ...(fact ? [' ', make('span', { className: 'sign', textContent: sign })] : []));
    }

    other(words, note, state = '') {
      const card = this.find('.other'), place = card.querySelector('.answer');
      card.querySelector('.note').textContent = note;
      card.querySelector('[aria-live]').textContent = state ? '' : words || '(it says nothing)';
      clearInterval(this.typing);
      const same = this.typed === words;
      this.typed = words;
      if (state) { place.textContent = state === 'waiting' ? '…' : ''; return; }
      if (still.matches || same || !words) { this.answer(place, words, this.text.fact); return; }
      let end = 0;
      this.typing = setInterval(() => {
        end += 1;
        if (end >= words.length) { clearInterval(this.typing); this.answer(place, words, this.text.fact); } else place.textContent = words.slice(0, end);
      }, TYPED);
    }

    // --- the answer, token by token

    play() {
      if (still.matches) return;
      let at = this.text.answer;
      this.classList.add('playing');
      this.reveal(at);
      this.find('.play .words').textContent = letheSay('Stop');
      this.find('.play .sign').textContent = '■';
      this.timer = setInterval(() => {
        at += 1;
        if (at > this.text.tokens.length) this.stop(); else this.reveal(at);
      }, PACE);
    }

    reveal(upTo) {
      this.querySelectorAll('.stage [data-token]').forEach(cell => {
        const token = Number(cell.dataset.token);
        cell.classList.toggle('later', token >= upTo);
        cell.classList.toggle('fresh', token === upTo - 1 && token >= this.text.answer);
      });
      const stage = this.find('.stage'), fresh = stage.querySelector('.fresh');
      if (fresh) stage.scrollLeft = Math.max(stage.scrollLeft, fresh.offsetLeft + 2 * fresh.offsetWidth - stage.clientWidth);
    }

    stop() {
      clearInterval(this.timer);
      this.timer = 0;
      this.classList.remove('playing');
      this.querySelectorAll('.later, .fresh').forEach(cell => cell.classList.remove('later', 'fresh'));
      this.find('.play .words').textContent = letheSay('Play the answer');
      this.find('.play .sign').textContent = '▶';
    }
  }

  if (!customElements.get('lethe-routing')) customElements.define('lethe-routing', RoutingShift);
})();

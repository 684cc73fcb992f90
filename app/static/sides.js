// Items on the two sides of a threshold: a slider, or a drag over the dots, moves it. All of it is here, so nothing is asked of the server.
(() => {
  const places = new Map(); // where a slider was left, by what it belongs to: the page may bring the same panel again
  const share = (count, of) => of ? `${(100 * count / of).toFixed(1)}\u00a0%` : 'not measured';

  class Sides extends HTMLElement {
    connectedCallback() {
      if (this.states) return;
      this.slider = this.querySelector('input');
      if (!this.slider) { requestAnimationFrame(() => this.connectedCallback()); return; }
      this.states = JSON.parse(this.dataset.states);
      this.dots = [...this.querySelectorAll('.dots i')].map(dot => [dot, Number(dot.dataset.value)]);
      this.first = this.slider.value;
      this.slider.value = places.get(this.dataset.states) ?? this.first;
      this.slider.addEventListener('input', () => this.show());
      this.querySelector('.again').addEventListener('click', () => { this.slider.value = this.first; this.show(); });
      const field = this.querySelector('.field');
      field.addEventListener('pointerdown', event => {
        if (event.button) return;
        field.setPointerCapture(event.pointerId);
        this.drag(event, field);
      });
      field.addEventListener('pointermove', event => { if (field.hasPointerCapture(event.pointerId)) this.drag(event, field); });
      if (this.slider.value !== this.first) this.show();
    }

    drag(event, field) {
      const box = field.getBoundingClientRect();
      const at = 100 * (event.clientX - box.left) / box.width;
      let nearest = 0;
      this.states.places.forEach((place, number) => {
        if (Math.abs(place - at) < Math.abs(this.states.places[nearest] - at)) nearest = number;
      });
      this.slider.value = nearest;
      this.show();
    }

    show() {
      const at = Number(this.slider.value), { thresholds, places: lefts, words, called, sizes, rates } = this.states;
      places.set(this.dataset.states, this.slider.value);
      this.slider.setAttribute('aria-valuetext', words[at]);
      this.querySelector('output').textContent = words[at];
      this.style.setProperty('--at', `${lefts[at]}%`);
      const line = thresholds[at];
      for (const [dot, value] of this.dots) dot.classList.toggle('in', value >= line);
      this.querySelectorAll('.field section').forEach((lane, number) => {
        lane.querySelector('.count b').textContent = called[number][at].toLocaleString('en-US');
        lane.querySelector('.count strong').textContent = share(called[number][at], sizes[number]);
      });
      const right = this.querySelector('.right b');
      if (right) {
        const of = rate => { const number = rates.indexOf(rate); return called[number][at] / sizes[number]; };
        right.textContent = `${(50 * (of('TPR') + 1 - of('FPR'))).toFixed(1)}\u00a0%`;
      }
      this.querySelectorAll('.sorted').forEach(sorted => {
        for (const figure of sorted.querySelectorAll('figure')) {
          const side = sorted.querySelector(Number(figure.dataset.value) >= line ? '.in' : '.out');
          if (figure.parentElement !== side) this.into(side, figure);
        }
      });
    }

    into(side, figure) {
      const after = [...side.children].find(other => Number(other.dataset.value) > Number(figure.dataset.value));
      side.insertBefore(figure, after || null);
    }
  }
  if (!customElements.get('lethe-sides')) customElements.define('lethe-sides', Sides);
})();

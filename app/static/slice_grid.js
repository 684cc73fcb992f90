// The tiles of a model that was trained in slices: a press on a slice deletes it on paper. Every order ends before the first slice that is gone,
// and the longest that is left serves its shard; all of it is here, so nothing is asked of the server.
(() => {
  class Slices extends HTMLElement {
    connectedCallback() {
      if (this.output) return;
      this.output = this.querySelector('output');
      if (!this.output) { requestAnimationFrame(() => this.connectedCallback()); return; }
      this.querySelector('.says').hidden = false; // where no script runs, there is nothing to press
      this.told = this.output.textContent;
      this.again = this.querySelector('.again');
      this.gone = new Set();
      this.addEventListener('click', event => {
        const cell = event.target.closest('.order button');
        if (cell) this.toggle(`${cell.dataset.shard}.${cell.dataset.slice}`);
        else if (event.target === this.again) { this.gone.clear(); this.show(); }
      });
    }

    toggle(slice) {
      if (!this.gone.delete(slice)) this.gone.add(slice);
      this.show();
    }

    show() {
      let dark = 0, lit = 0, living = 0;
      for (const shard of this.querySelectorAll('section')) {
        const left = [...shard.querySelectorAll('.order')].map(order => {
          const cells = [...order.querySelectorAll('button')];
          const alive = cells.filter(cell => !cell.dataset.state.startsWith('dark'));
          const cut = alive.findIndex(cell => this.gone.has(`${cell.dataset.shard}.${cell.dataset.slice}`));
          const stays = cut < 0 ? alive.length : cut;
          cells.forEach(cell => {
            const place = alive.indexOf(cell);
            cell.classList.toggle('would', place >= stays);
            cell.classList.remove('serves', 'rests');
            cell.setAttribute('aria-pressed', String(this.gone.has(`${cell.dataset.shard}.${cell.dataset.slice}`)));
          });
          dark += alive.length - stays;
          lit += alive.length;
          return alive.slice(0, stays);
        });
        const most = Math.max(0, ...left.map(cells => cells.length));
        const serving = left.find(cells => cells.length === most);
        if (most) living += 1;
        if (this.gone.size) left.forEach(cells => cells.forEach(cell => cell.classList.add(cells === serving ? 'serves' : 'rests')));
      }
      this.again.hidden = !this.gone.size;
      const after = living
        ? letheSay('{dark} of {lit} tiles would go dark; {shards} shards would go on serving.', { dark, lit, shards: living })
        : letheSay('{dark} of {lit} tiles would go dark, and nothing would be left: the model would have to be trained again.', { dark, lit });
      this.output.textContent = this.gone.size ? after : this.told;
    }
  }
  if (!customElements.get('lethe-slices')) customElements.define('lethe-slices', Slices);
})();

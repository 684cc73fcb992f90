// Weight tensors in pixels: a slider moves the mask over them. All of it is here, so nothing is asked of the server.
(() => {
  const NONE = 0, NOT_MEASURED = 1;
  const places = new Map(); // where a slider was left, by what it belongs to: the page may bring the same panel again
  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const counts = text => new Uint32Array(bytes(text).buffer);

  // Colours by brightness, as the canvas has them: red in the lowest byte. What is lit is never as dark as what is not.
  const scale = stops => Uint32Array.from({ length: 256 }, (_, at) => {
    if (at === NOT_MEASURED) return 0;
    if (at === NONE) return 0xff120d0b;
    const place = (at - 2) / 253 * (stops.length - 1);
    const from = Math.min(Math.floor(place), stops.length - 2);
    const mixed = [0, 1, 2].map(i => Math.round(stops[from][i] + (stops[from + 1][i] - stops[from][i]) * (place - from)));
    return (0xff000000 | mixed[2] << 16 | mixed[1] << 8 | mixed[0]) >>> 0;
  });
  const OUTSIDE = scale([[30, 34, 42], [50, 56, 67], [84, 91, 104]]);
  const INSIDE = {
    pull: scale([[150, 58, 0], [190, 80, 0], [213, 94, 0], [245, 140, 45], [255, 238, 208]]),
    move: scale([[128, 138, 156], [150, 159, 175], [176, 184, 198], [212, 218, 227], [255, 255, 255]]),
  };

  const share = (count, of) => {
    const percent = 100 * count / Math.max(1, of);
    if (percent > 0 && percent < 0.5) return '<1\u00a0%';
    return percent >= 99.5 && percent < 100 ? '>99\u00a0%' : `${Math.floor(percent + 0.5)}\u00a0%`;
  };

  // The place of each pixel from the brightest to the darkest; equals are scattered, so that they light up all over the tile.
  const order = pixels => {
    const many = new Uint32Array(257), rank = new Uint16Array(pixels.length);
    for (const shade of pixels) many[256 - shade] += 1;
    for (let at = 1; at < 257; at += 1) many[at] += many[at - 1];
    let step = 617;
    while (pixels.length % step === 0) step += 2;
    for (let i = 0, at = 0; i < pixels.length; i += 1, at = (at + step) % pixels.length) rank[at] = many[255 - pixels[at]]++;
    return rank;
  };

  class Tiles extends HTMLElement {
    connectedCallback() {
      if (this.tiles) return;
      this.slider = this.querySelector('input');
      if (!this.slider) { requestAnimationFrame(() => this.connectedCallback()); return; }
      this.states = JSON.parse(this.dataset.states);
      this.rows = {};
      for (const [of, name] of [['pull', 'salient'], ['move', 'furthest']]) {
        if (this.dataset[of]) this.rows[of] = { pixels: bytes(this.dataset[of]), counts: counts(this.dataset[name]) };
      }
      this.tiles = this.read();
      this.slider.value = places.get(this.dataset.salient) ?? this.slider.value;
      this.slider.addEventListener('input', () => { places.set(this.dataset.salient, this.slider.value); this.show(); });
      this.seen = new IntersectionObserver(entries => {
        for (const { target, isIntersecting } of entries) {
          const tile = this.tiles[Number(target.dataset.number)];
          tile.visible = isIntersecting;
          if (isIntersecting) this.paint(tile);
        }
      }, { rootMargin: '100px' });
      this.tiles.forEach(tile => this.seen.observe(tile.figure));
      this.show();
    }

    disconnectedCallback() { this.seen?.disconnect(); }

    read() {
      let start = 0;
      return [...this.querySelectorAll('figure')].map((figure, number) => {
        const parts = [...figure.querySelectorAll('canvas')].map(canvas => ({
          of: canvas.dataset.row, canvas, words: canvas.nextElementSibling.querySelector('b'), start,
        }));
        const size = parts[0].canvas.width * parts[0].canvas.height;
        start += size;
        return { figure, number, parts, size, weights: Number(figure.dataset.weights), visible: false };
      });
    }

    show() {
      const state = this.states[Number(this.slider.value)];
      this.slider.setAttribute('aria-valuetext', state.mask);
      this.querySelector('output').textContent = state.mask;
      const overlap = this.querySelector('.overlap');
      if (overlap) { overlap.querySelector('b').textContent = state.overlap; overlap.querySelector('i').textContent = state.chance; }
      const says = this.closest('.lethe-panel')?.querySelector('.lethe-says');
      if (says) says.textContent = state.says;
      for (const tile of this.tiles) for (const part of tile.parts) part.words.textContent = share(this.count(tile, part.of), tile.weights);
      this.frame ||= requestAnimationFrame(() => {
        this.frame = 0;
        for (const tile of this.tiles) if (tile.visible) this.paint(tile);
      });
    }

    count(tile, of) { return this.rows[of].counts[tile.number * this.states.length + Number(this.slider.value)]; }

    paint(tile) {
      for (const part of tile.parts) {
        const pixels = this.rows[part.of].pixels.subarray(part.start, part.start + tile.size);
        const rank = part.rank ||= order(pixels);
        const count = this.count(tile, part.of);
        const lit = count ? Math.max(1, Math.round(tile.size * count / tile.weights)) : 0;
        const image = new ImageData(part.canvas.width, part.canvas.height);
        const colours = new Uint32Array(image.data.buffer);
        pixels.forEach((shade, at) => { colours[at] = (rank[at] < lit && shade > NOT_MEASURED ? INSIDE[part.of] : OUTSIDE)[shade]; });
        part.canvas.getContext('2d').putImageData(image, 0, 0);
      }
    }
  }
  if (!customElements.get('lethe-tiles')) customElements.define('lethe-tiles', Tiles);
})();

// Several pictures in one place: a row of segments says which of them is seen.
(() => {
  let count = 0;
  class Switch extends HTMLElement {
    connectedCallback() {
      const inputs = [...this.querySelectorAll('.lethe-segments input')];
      const options = [...this.children].filter(child => child.matches('.option'));
      const name = `lethe-switch-${count++}`;
      inputs.forEach(input => { input.name = name; });
      const start = options.findIndex(option => !option.hidden);
      if (inputs[start]) inputs[start].checked = true;
      this.onchange = ({ target }) => {
        const at = inputs.indexOf(target);
        if (at < 0) return;
        options.forEach((option, i) => { option.hidden = i !== at; });
        dispatchEvent(new Event('resize')); // a plot that was hidden has no width yet
      };
    }
  }
  if (!customElements.get('lethe-switch')) customElements.define('lethe-switch', Switch);
})();

// The tabs of a run's page: the address names the open one, and a tab is filled in when it is first opened, by the press of a
// button that nobody sees. A person's click always wins: nothing here changes a tab after the page was opened.
(() => {
  const ID = /^run-tab-(\w+)-button$/;
  const opened = new Set();
  const openTab = () => new URLSearchParams(location.search).get('tab') || 'see';
  const fill = tab => {
    const button = document.getElementById('run-open-' + tab);
    if (!button || opened.has(tab)) return;
    opened.add(tab);
    button.click();
  };
  // The marks stand over what answers them; elsewhere the page begins with its picture. See run.css.
  const name = tab => { document.documentElement.dataset.tab = tab; };
  const write = tab => {
    const to = new URL(location);
    to.searchParams.set('tab', tab);
    history.replaceState(history.state, '', to);
    name(tab);
  };
  // On a narrow screen the last tabs stand in a menu, as buttons that have a name alone.
  const MENU = '#run-tabs > .tab-wrapper .overflow-dropdown button';
  const names = () => [...document.querySelectorAll('#run-tabs > .tab-wrapper .visually-hidden button')].map(one => one.textContent.trim());
  const ids = () => [...document.querySelectorAll('[id^="run-open-"]')].map(one => one.id.slice('run-open-'.length));
  const inMenu = tab => [...document.querySelectorAll(MENU)].find(one => one.textContent.trim() === names()[ids().indexOf(tab)]);
  document.addEventListener('click', event => {
    const button = event.target.closest?.(`#run-tabs [role="tab"], ${MENU}`);
    const tab = button && (ID.exec(button.id)?.[1] ?? ids()[names().indexOf(button.textContent.trim())]);
    if (!tab) return;
    write(tab);
    setTimeout(() => fill(tab));
  }, true);
  // Called when the page was opened, and when what its tabs show has changed.
  window.letheOpenTab = again => {
    if (again) opened.clear();
    let left = 100;
    const open = () => {
      name(openTab());
      const tab = openTab(), button = document.getElementById(`run-tab-${tab}-button`) || inMenu(tab);
      if (!document.getElementById('run-open-see')) { if (left--) setTimeout(open, 50); return; }
      if (button && button.getAttribute('aria-selected') !== 'true') button.click();
      else fill(button ? tab : 'see');
    };
    open();
  };
})();

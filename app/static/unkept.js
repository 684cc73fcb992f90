// Says on a page of the studio that the browser lets it keep nothing; see remember.js, which comes first.
(() => {
  if (!window.letheUnkept) return;
  const tell = () => {
    if (document.querySelector('.lethe-unkept')) return;
    const note = document.createElement('p');
    note.className = 'lethe lethe-unkept';
    note.setAttribute('role', 'status');
    note.append(letheSay('Your browser lets this page keep nothing: it knows you only here and through its own links, until you close it; '));
    const link = document.createElement('a');
    link.href = location.pathname + location.search;
    link.target = '_blank';
    link.rel = 'noopener';
    link.textContent = letheSay('a tab of its own');
    link.addEventListener('click', () => { link.href = location.pathname + location.search; });
    note.append(link, letheSay(' would remember you.'));
    document.body.prepend(note);
  };
  if (document.body) tell(); else addEventListener('DOMContentLoaded', tell);
})();

// HTML that changes in place: what stayed the same stays, so that a bar glides, a fold-out stays open and nothing jumps.
const root = element.querySelector('.alive');

const sameKind = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName &&
  (a.nodeType !== 1 || (a.dataset.item ?? '') === (b.dataset.item ?? ''));

const become = (old, fresh) => {
  if (old.nodeType !== 1) { if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue; return; }
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
  children(old, fresh);
};

const children = (old, fresh) => {
  const now = [...fresh.childNodes], was = [...old.childNodes];
  now.forEach((node, i) => {
    if (!was[i]) old.append(node);
    else if (sameKind(was[i], node)) become(was[i], node);
    else was[i].replaceWith(node);
  });
  was.slice(now.length).forEach(node => node.remove());
};

const show = () => {
  const template = document.createElement('template');
  template.innerHTML = props.value || '';
  children(root, template.content);
};

show();
watch('value', show);

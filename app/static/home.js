// Home: plays the scenes, one moment after the other. What is hovered, focused or out of sight stands still; who asks for less motion
// sees before and after as they are. Pause stops all of them, and is remembered in this browser.
const KEY = 'lethe-paused', EVERY = 900, REST = 3; // milliseconds a moment; moments that the last one stays
const button = root.querySelector('[data-pause]');
const less = matchMedia('(prefers-reduced-motion: reduce)');
let paused = false;
try { paused = localStorage.getItem(KEY) === '1'; } catch { /* it lasts for this page */ }

const scenes = [...root.querySelectorAll('.lethe-front')].map(front => {
  const frames = [...front.querySelectorAll('.now > .frame')];
  const scene = { frames, at: frames.length - 1, rest: 0, held: false };
  front.addEventListener('pointerenter', () => { scene.held = true; });
  front.addEventListener('pointerleave', () => { scene.held = front.contains(document.activeElement); });
  front.addEventListener('focusin', () => { scene.held = true; });
  front.addEventListener('focusout', () => { scene.held = front.matches(':hover'); });
  return scene;
});

const turn = (scene, at) => {
  scene.at = at;
  scene.frames.forEach((frame, number) => frame.toggleAttribute('data-on', number === at));
};
const step = scene => {
  if (scene.held) return;
  const last = scene.frames.length - 1;
  if (scene.at < last || scene.rest >= (last ? REST : 1)) { scene.rest = 0; turn(scene, (scene.at + 1) % (last + 1)); }
  else scene.rest += 1;
};
const write = () => {
  if (!button) return;
  button.hidden = less.matches;
  button.setAttribute('aria-pressed', String(paused));
  button.textContent = paused ? '▶ Play' : '❚❚ Pause';
};
const still = () => scenes.forEach(scene => turn(scene, scene.frames.length - 1));

button?.addEventListener('click', () => {
  paused = !paused;
  try { localStorage.setItem(KEY, paused ? '1' : '0'); } catch { /* it lasts for this page */ }
  write();
});
less.addEventListener('change', () => { still(); write(); });
write();
const timer = setInterval(() => {
  if (!root.isConnected) clearInterval(timer);
  else if (!paused && !less.matches && !document.hidden) scenes.forEach(step);
}, EVERY);

// What a script says, in the language of the page; see speech.js. Where no page told its words, as in a file, in English.
window.letheSay = (sentence, fields = {}) => {
  const { words = {} } = window.letheSpeech || {};
  return (words[sentence] || sentence).replace(/\{(\w+)\}/g, (all, name) => (name in fields ? fields[name] : all));
};

"use strict";
// What all scripts use: an element by its id, what it says, a listener, numbers in words, and a new
// element, in which whatever it holds stays text.
const by = (id) => document.getElementById(id);
const say = (id, words) => (by(id).textContent = words);
const on = (target, kind, work) => target.addEventListener(kind, work);
const count = (value) => value.toLocaleString("en");
const plain = (value) => (Number.isNaN(value) ? "–" : Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 }));
const element = (name, options, ...content) => {
  const made = Object.assign(document.createElement(name), options);
  made.append(...content);
  return made;
};

// Copies a text, and says so on a button; `otherwise` says what to do where nothing can be copied.
const copy = async (text, button, otherwise) => {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = otherwise();
  }
};

// The switch between dark and light. Without it the page follows the system.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const storage = () => {
    try {
      return localStorage;
    } catch {
      return null; // a page opened where nothing may be stored
    }
  };
  const remembered = storage()?.getItem("repviz-theme");
  if (remembered === "light" || remembered === "dark") root.dataset.theme = remembered;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => say("theme", dark() ? "Light" : "Dark");
  const changed = () => {
    show();
    document.dispatchEvent(new Event("themechange"));
  };
  on(by("theme"), "click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    storage()?.setItem("repviz-theme", root.dataset.theme);
    changed();
  });
  on(system, "change", changed);
  show();

  // The table of contents marks the section that is being read.
  const links = document.querySelectorAll("nav a");
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries)
        if (isIntersecting) for (const link of links) link.ariaCurrent = link.hash === `#${target.id}` ? "true" : null;
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) watcher.observe(section);

  // On paper: black on white, the maps too, and notes unfolded; tables stay as the reader left them.
  const themed = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    changed();
  };
  let onScreen;
  on(window, "beforeprint", () => {
    for (const fold of document.querySelectorAll(".notes details")) fold.open = true;
    onScreen = root.dataset.theme;
    themed("light");
  });
  on(window, "afterprint", () => themed(onScreen));

  for (const button of document.querySelectorAll("[data-copy]"))
    on(button, "click", () => {
      const source = by(button.dataset.copy);
      copy(source.textContent, button, () => {
        getSelection().selectAllChildren(source);
        return "Selected";
      });
    });
})();

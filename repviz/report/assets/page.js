"use strict";
// The switch between dark and light. Without it the page follows the system.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const storage = () => {
    try {
      return window.localStorage;
    } catch {
      return null; // a page opened where nothing may be stored
    }
  };
  const remembered = storage()?.getItem("repviz-theme");
  if (remembered === "light" || remembered === "dark") root.dataset.theme = remembered;
  const dark = () =>
    root.dataset.theme
      ? root.dataset.theme === "dark"
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
  const button = document.getElementById("theme");
  const show = () => (button.textContent = dark() ? "Light" : "Dark");
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    storage()?.setItem("repviz-theme", root.dataset.theme);
    show();
    document.dispatchEvent(new Event("themechange"));
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    show();
    document.dispatchEvent(new Event("themechange"));
  });
  show();

  // The table of contents marks the section that is being read.
  const links = new Map(
    [...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]),
  );
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) watcher.observe(section);

  // On paper: black on white, the maps too, and notes unfolded; tables stay as the reader left them.
  const themed = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.dispatchEvent(new Event("themechange"));
  };
  let onScreen;
  window.addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll(".notes details")) fold.open = true;
    onScreen = root.dataset.theme;
    themed("light");
  });
  window.addEventListener("afterprint", () => themed(onScreen));

  for (const button of document.querySelectorAll("[data-copy]"))
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
        button.textContent = "Selected";
      }
    });
})();

// The list of commands on Ctrl-K: pages that this person may open, and what this page can do, found by parts of their words.
"use strict";

(() => {
  const { all, press, visible, ownOf } = window.gatehouse;
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  const none = dialog.querySelector("[data-palette-none]");
  let entries = [];
  let shown = [];
  let at = 0;

  const words = (el) => {
    const copy = (el.matches("input, select, textarea") ? el.labels?.[0] ?? el : el).cloneNode(true);
    all("kbd", copy).forEach((kbd) => kbd.remove());
    return (copy.textContent.trim() || el.getAttribute("aria-label") || el.getAttribute("placeholder") || "").replace(/\s+/g, " ");
  };
  function gather() {
    const pages = all(".topnav a, .menu-panel a").map((el) => ({ el, text: words(el), kind: "Page", key: el.dataset.goto ? `${ownOf("g")} ${el.dataset.goto}` : "" }));
    const acts = all("[data-key]").filter((el) => visible(el) || el.matches(".sr"))
      .map((el) => ({ el, text: words(el), kind: "Action", key: ownOf(el.dataset.also || el.dataset.key) }));
    const others = all("main button:not([data-letter], [data-key]), main summary:not([data-key]), main a.btn:not([data-key])")
      .filter(visible).map((el) => ({ el, text: words(el), kind: "Action", key: "" }));
    const keys = document.querySelector("[data-help]");
    const help = keys ? [{ el: keys, text: words(keys), kind: "Action", key: ownOf("?") }] : [];
    const seen = new Set();
    return [...acts, ...help, ...pages, ...others].filter(({ text, kind }) => text && !seen.has(kind + text) && seen.add(kind + text));
  }
  // Each word that was typed has its letters in order; the closer together and the nearer to the beginning, the better.
  function score(text, query) {
    let total = 0;
    for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
      const within = text.toLowerCase();
      const whole = within.indexOf(word);
      if (whole >= 0) { total += whole + (whole === 0 || within[whole - 1] === " " ? 0 : 20); continue; }
      let from = -1;
      const first = within.indexOf(word[0]);
      for (const letter of word) {
        from = within.indexOf(letter, from + 1);
        if (from < 0) return -1;
      }
      total += 100 + (from - first - word.length);
    }
    return total;
  }
  function draw() {
    const query = input.value;
    shown = entries.map((entry, n) => ({ ...entry, n, rank: score(entry.text, query) })).filter(({ rank }) => rank >= 0)
      .sort((a, b) => a.rank - b.rank || a.n - b.n);
    at = 0;
    list.replaceChildren(...shown.map(({ text, kind, key }, n) => {
      const option = document.createElement("li");
      option.id = `palette-${n}`;
      option.setAttribute("role", "option");
      const label = document.createElement("span");
      label.textContent = text;
      const small = document.createElement("span");
      small.className = "muted small";
      small.textContent = kind;
      option.append(label, small);
      if (key) { const kbd = document.createElement("kbd"); kbd.textContent = key; option.append(kbd); }
      return option;
    }));
    none.hidden = shown.length > 0;
    mark();
  }
  function mark() {
    [...list.children].forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
    const current = list.children[at];
    if (current) { input.setAttribute("aria-activedescendant", current.id); current.scrollIntoView({ block: "nearest" }); }
    else input.removeAttribute("aria-activedescendant");
  }
  function run(n) {
    const entry = shown[n];
    if (!entry) return;
    dialog.close();
    press(entry.el);
  }

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    if (dialog.open) { dialog.close(); return; }
    if (document.querySelector("dialog[open]")) return;
    entries = gather();
    input.value = "";
    dialog.showModal(); // and gives the focus back to where it was when it closes
    input.focus();
    draw();
  });
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length) { event.preventDefault(); at = (at + step + shown.length) % shown.length; mark(); }
    if (event.key === "Enter") { event.preventDefault(); event.stopPropagation(); if (!event.repeat) run(at); }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) run([...list.children].indexOf(option));
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();

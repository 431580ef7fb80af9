// Veiled thumbnails: while one is held, by pointer or by key, it is shown sharp and larger; let go, it is veiled again.
// Grey stays grey: colour has a switch of its own, as in a media panel.
"use strict";

(() => {
  const HOLD_KEYS = [" ", "Enter", "v"];
  let held = null;
  let glass = null;

  function show(thumb) {
    veil();
    const image = thumb.querySelector("img");
    if (!image || !image.naturalWidth) return;
    held = thumb;
    thumb.classList.add("peek");
    glass = document.createElement("div");
    glass.className = "peek-glass";
    glass.setAttribute("aria-hidden", "true"); // the button says what it is already
    const larger = image.cloneNode();
    larger.removeAttribute("loading");
    glass.append(larger);
    (thumb.closest("main") ?? document.body).append(glass);
    place(thumb.getBoundingClientRect());
  }
  // Beside what is held, and inside the window.
  function place(at) {
    const { width, height } = glass.getBoundingClientRect();
    const left = at.right + 8 + width <= innerWidth ? at.right + 8 : Math.max(at.left - 8 - width, 8);
    glass.style.left = `${left}px`;
    glass.style.top = `${Math.min(Math.max(at.top + at.height / 2 - height / 2, 8), Math.max(innerHeight - height - 8, 8))}px`;
  }
  function veil() {
    held?.classList.remove("peek");
    glass?.remove();
    held = glass = null;
  }

  const thumbOf = (event) => event.target.closest?.("[data-peek]");
  document.addEventListener("pointerdown", (event) => {
    const thumb = event.button === 0 && thumbOf(event);
    if (thumb) show(thumb);
  });
  ["pointerup", "pointercancel", "scroll"].forEach((kind) => document.addEventListener(kind, veil, true));
  document.addEventListener("focusout", (event) => { if (held && event.target === held) veil(); });
  addEventListener("blur", veil);
  document.addEventListener("visibilitychange", veil);
  document.addEventListener("htmx:beforeSwap", veil);
  // A long press opens a menu where it is the finger's way to a right click: here it looks.
  document.addEventListener("contextmenu", (event) => { if (held && thumbOf(event)) event.preventDefault(); });

  // Before the page's own keys: "v" on a thumbnail shows this one, anywhere else all of them.
  document.addEventListener("keydown", (event) => {
    const thumb = thumbOf(event);
    if (!thumb || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") veil();
    if (!HOLD_KEYS.includes(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) show(thumb);
  }, true);
  document.addEventListener("keyup", (event) => { if (held && HOLD_KEYS.includes(event.key)) { event.preventDefault(); veil(); } }, true);

  // What does not come, or may not be seen any more, is a plain place, never a broken picture.
  document.addEventListener("error", (event) => {
    const thumb = event.target.matches?.(".thumb img") && thumbOf(event);
    if (thumb) thumb.classList.add("failed");
  }, true);
})();

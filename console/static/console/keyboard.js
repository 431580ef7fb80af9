// Keys: an element names its own by the action's first key in data-key (data-also: a second one); "g" and a letter go to a
// page named by data-goto. What a person chose in the place of a first key is in the body's data-remap. Characters are taken
// as the keyboard's layout gives them (event.key), never by where the key lies.
"use strict";

(() => {
  const { all, typing, say } = window.gatehouse;
  const remap = JSON.parse(document.body.dataset.remap || "{}");
  const isOff = document.body.hasAttribute("data-keys-off");
  const firstOf = new Map(Object.entries(remap).map(([first, own]) => [own, first]));
  const ownOf = (first) => remap[first] ?? first;
  // Return the first key that a pressed key stands for; "" where the person has given the character to nothing.
  const meant = (pressed) => firstOf.get(pressed) ?? (pressed in remap ? "" : pressed);
  // AltGr comes as Ctrl and Alt on some systems: what it writes is a character like others.
  const isCommand = (event) => (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");

  let goUntil = 0;
  const press = (el) => {
    if (el.matches("[type=radio], [type=checkbox]")) {
      el.checked = el.type === "radio" || !el.checked;
      el.dispatchEvent(new Event("change", { bubbles: true }));
      el.dispatchEvent(new Event("input", { bubbles: true }));
      el.focus({ preventScroll: true });
    } else if (el.matches("input, textarea, select")) {
      el.focus();
    } else {
      el.click();
      if (el.matches("[data-opens]") && el.parentElement.open) el.parentElement.querySelector("input:not([type=hidden]), textarea, select")?.focus();
    }
  };
  const visible = (el) => !el.disabled && el.getClientRects().length > 0;
  const has = (el, attribute, key) => el.getAttribute(attribute)?.split(" ").includes(key);
  const findKey = (key) => all("[data-key], [data-also]").find((el) => (has(el, "data-key", key) || has(el, "data-also", key)) && visible(el));
  const findPage = (key) => all("[data-goto]").find((el) => has(el, "data-goto", key) && visible(el));
  const showKeys = () => { const dialog = document.getElementById("shortcuts"); if (dialog && !dialog.open) dialog.showModal(); };

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      if (target.form?.matches("[data-decide]")) submitDecision(event);
      else if (target.form?.matches("[data-sends]") && !event.repeat) { event.preventDefault(); target.form.requestSubmit(); }
      return;
    }
    if (isCommand(event) || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      window.gatehouse.choice?.end();
      target.blur?.();
      all("details.menu[open]").forEach((menu) => { menu.open = false; });
      return;
    }
    if (typing(target)) return;
    if (event.key === "Enter") {
      if (!target.matches("a, button, summary") && (!target.form || target.form.matches("[data-decide]"))) submitDecision(event);
      return;
    }
    if (isOff || event.key.length !== 1) return;
    const pressed = event.key.toLowerCase();
    // A choice that was begun goes first: the letter of a policy, the digit of a clause.
    if (window.gatehouse.choice?.take(pressed)) { event.preventDefault(); return; }
    const key = meant(pressed);
    const going = Date.now() < goUntil;
    goUntil = 0;
    const found = going ? findPage(pressed) : key && findKey(key);
    if (found) { event.preventDefault(); press(found); return; }
    if (key === "?") { showKeys(); event.preventDefault(); }
    if (key === "g") goUntil = Date.now() + 1200;
    if (key === "n") submitDecision(event);
  });

  // --- sending a decision -------------------------------------------------------------------------------------------
  const READING_MS = 1500;
  let changedAt = Date.now();
  document.addEventListener("htmx:afterSwap", () => { changedAt = Date.now(); });
  function submitDecision(event) {
    const form = document.querySelector("form[data-decide]");
    if (!form) return;
    event.preventDefault();
    if (event.repeat) return;
    // What was typed is kept, so the key that sent it would send it again, before anybody could have read what changed.
    if (form.hasAttribute("data-changed") && Date.now() - changedAt < READING_MS) { say("Read what changed first; then send it again."); return; }
    if (!form.querySelector("[name=outcome]:checked")) {
      const keys = all("[name=outcome]", form).map((radio) => ownOf(radio.dataset.also || radio.dataset.key));
      say(`Choose an outcome first: ${keys.slice(0, -1).join(", ")} or ${keys.at(-1)}.`);
      form.querySelector("[name=outcome]")?.focus();
      return;
    }
    form.requestSubmit();
  }

  document.addEventListener("click", (event) => { if (event.target.closest("[data-help]")) showKeys(); });

  // --- the keys as this person has them, where the page shows the first ones ------------------------------------------
  function showOwn() {
    all("kbd[data-prefix]").forEach((kbd) => { kbd.textContent = ownOf("g"); });
    if (!Object.keys(remap).length) return;
    all("[data-key]:not([data-own])").forEach((el) => {
      el.setAttribute("data-own", "");
      const first = el.dataset.also || el.dataset.key;
      const place = el.matches("input") ? el.closest("label") : el;
      all("kbd", place ?? el).filter((kbd) => kbd.textContent === first).forEach((kbd) => { kbd.textContent = ownOf(first); });
    });
  }
  document.addEventListener("htmx:afterSettle", showOwn);
  showOwn();

  Object.assign(window.gatehouse, { press, visible, meant, ownOf, showKeys });
})();

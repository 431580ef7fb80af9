// The console's first script (keyboard.js has the keys): media reveal, lease heartbeat, polling while visible, copy.
// Every action it offers is also a link, button or form that works without it.
"use strict";

(() => {
  const typing = (el) => el.isContentEditable || /^(TEXTAREA|SELECT)$/.test(el.tagName)
    || (el.tagName === "INPUT" && !/^(radio|checkbox|button|submit|range)$/.test(el.type));
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const tell = (id, text) => {
    const place = document.getElementById(id);
    if (place && place.textContent !== text) place.textContent = text;
  };
  // One place says what happened, to eyes and to readers of the screen alike; what a page shows anyway is only read out.
  const SAID_MS = 8000;
  let saidUntil = 0;
  const say = (text) => { tell("said", text); saidUntil = Date.now() + SAID_MS; };
  document.addEventListener("said", (event) => say(event.detail)); // by a page's own script
  const readOut = (text) => tell("live", text);
  setInterval(() => { if (saidUntil && Date.now() > saidUntil) { saidUntil = 0; tell("said", ""); } }, 1000);

  // What keyboard.js, decide.js and palette.js need of this.
  window.gatehouse = { all, typing, say, readOut };

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say("Copied."));
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("change", (event) => {
    const el = event.target;
    if (el.matches("[data-autosubmit]")) el.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    // One press, one request: the button comes back when an answer replaces the form or the page is shown again.
    const button = event.target.querySelector("[data-once]");
    if (button) setTimeout(() => { button.disabled = true; });
  });
  addEventListener("pageshow", () => all("[data-once]").forEach((button) => { button.disabled = false; }));

  // --- what was typed when the session had ended: kept in this tab until its page is back after signing in -----------
  const KEPT = "typed";
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || !form.querySelector("textarea")) return;
    const fields = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && form.elements[name]?.type !== "hidden");
    sessionStorage.setItem(KEPT, JSON.stringify({ path: location.pathname, action: form.getAttribute("action"), fields }));
  });
  function fill(root, fields) {
    for (const [name, value] of fields) {
      const boxes = all(`[name="${CSS.escape(name)}"]`, root);
      const choices = boxes.filter((el) => /^(radio|checkbox)$/.test(el.type));
      if (choices.length) choices.filter((el) => el.value === value).forEach((el) => { el.checked = true; });
      else if (boxes.length) boxes[0].value = value;
    }
  }
  function bringBack() {
    if (location.pathname.startsWith("/accounts/")) return;
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
    sessionStorage.removeItem(KEPT);
    const from = document.referrer && new URL(document.referrer);
    const isBack = kept?.reloaded || (from && from.origin === location.origin && from.pathname.startsWith("/accounts/"));
    if (!kept || !isBack || kept.path !== location.pathname) return;
    const form = all("form").find((one) => one.getAttribute("action") === kept.action);
    if (!form) return;
    fill(form, kept.fields);
    form.closest("details")?.setAttribute("open", "");
    say("What you had typed is back; it was not sent yet.");
  }
  bringBack();

  // --- drafts: what is typed on a job is kept by the server; in this tab as well until the server has it ------------
  const DRAFT_MS = 1500;
  const DRAFTED = ["outcome", "category", "clause", "note", "min_age", "territories", "answer", "span_from", "span_until", "skip_note", "question", "reason"];
  const draftForm = () => document.querySelector("form[data-draft]");
  const draftPart = (form) => form.closest("#job") || form; // on a job, what is typed to give it back is kept as well
  const draftKey = (form) => `draft:${form.dataset.draft}`;
  let draftTimer = 0;
  let draftSays = "";
  let isUnkept = false; // typed, and no request has taken it along yet
  let isWaiting = false; // a request has, and did not get through
  function draftFields(form) {
    const fields = DRAFTED.map((name) => [name, all(`[name=${name}]`, draftPart(form)).find((el) => el.type !== "radio" || el.checked)?.value]);
    return fields.filter(([, value]) => value !== undefined);
  }
  document.addEventListener("input", (event) => {
    const form = draftForm();
    if (!form || !DRAFTED.includes(event.target.name) || !draftPart(form).contains(event.target)) return;
    isUnkept = true;
    clearTimeout(draftTimer);
    draftTimer = setTimeout(() => keepDraft(form), DRAFT_MS);
  });
  async function keepDraft(form, headers = {}) {
    clearTimeout(draftTimer);
    isUnkept = false;
    const fields = draftFields(form);
    const body = new FormData();
    for (const name of ["csrfmiddlewaretoken", "expected_decision"]) body.set(name, form.elements[name].value);
    for (const [name, value] of fields) body.set(name, value);
    // Named by the draft that it follows: once the server has a later one, from here or from another tab, this is outdated.
    sessionStorage.setItem(draftKey(form), JSON.stringify({ of: form.dataset.draftOf, after: form.dataset.draftAt, fields }));
    try {
      const answer = await fetch(form.dataset.draft, { method: "POST", body, headers, keepalive: true, redirect: "manual" });
      isWaiting = answer.status >= 429;
      if (answer.status === 204) keptDraft(form, answer.headers.get("Draft-Kept-At"));
      else if (answer.status === 413) tellDraft(form, (await answer.json().catch(() => ({}))).detail || "This is more than a draft holds. It stays on this page: shorten it, or copy it to a safe place.");
      else if (answer.status === 404) sessionStorage.removeItem(draftKey(form));
      else tellDraft(form, "Your draft is not kept yet; it stays in this tab.");
    } catch {
      isWaiting = true;
      tellDraft(form, "The server cannot be reached. Your draft stays in this tab and is sent when it is back.");
    }
  }
  function keptDraft(form, at) {
    form.dataset.draftAt = at;
    if (!isUnkept) sessionStorage.removeItem(draftKey(form));
    tellDraft(form, at && `Draft kept ${at.slice(11, 16)}`, "Draft kept.");
  }
  // Read out when it begins to be kept, and when it is not: not with each time of day.
  function tellDraft(form, text, aloud = text) {
    const told = form.querySelector("[data-draft-told]");
    told.textContent = text;
    told.hidden = !text;
    if (text && aloud !== draftSays) { draftSays = aloud; say(aloud); }
  }
  function forgetDraft(form) {
    clearTimeout(draftTimer);
    isUnkept = isWaiting = false;
    sessionStorage.removeItem(draftKey(form));
  }
  // What is sent is no draft any more, and what is refused the server keeps. Nothing of it may come after the decision.
  document.addEventListener("submit", (event) => {
    const form = draftForm();
    const isSent = event.target.matches("[data-discard]") || DRAFTED.some((name) => event.target.elements[name]);
    if (form && isSent) forgetDraft(form);
  });
  document.addEventListener("htmx:sendError", () => { const form = draftForm(); if (form) keepDraft(form); });
  const keepUnkept = () => { const form = draftForm(); if (form && isUnkept) keepDraft(form); };
  addEventListener("pagehide", keepUnkept);
  document.addEventListener("visibilitychange", () => { if (document.hidden) keepUnkept(); });
  const sendWaiting = () => { const form = draftForm(); if (form && isWaiting) keepDraft(form, { "X-Poll": "1" }); };
  addEventListener("online", sendWaiting);
  setInterval(sendWaiting, 15 * 1000);
  function draftBack() {
    const form = draftForm();
    const held = form && JSON.parse(sessionStorage.getItem(draftKey(form)) || "null");
    if (!held || isUnkept) return;
    if (held.of !== form.dataset.draftOf || held.after !== form.dataset.draftAt) { sessionStorage.removeItem(draftKey(form)); return; }
    fill(draftPart(form), held.fields);
    form.closest("details")?.setAttribute("open", "");
    for (const [name, value] of held.fields) {
      if (value && (name === "skip_note" || name === "question")) document.querySelector(`#job [name=${name}]`)?.closest("details")?.setAttribute("open", "");
    }
    say("What you had typed is back; it was not sent.");
    keepDraft(form);
  }
  document.addEventListener("htmx:afterSettle", draftBack);
  draftBack();

  // --- two inputs for one number, a range and one to type in: each follows the other ------------------------------
  document.addEventListener("input", (event) => {
    const twin = event.target.dataset?.twin && document.getElementById(event.target.dataset.twin);
    if (!twin) return;
    if (event.target.value !== "") twin.value = event.target.value;
    // What is typed has more digits than the range has steps: say that the range did not move by hand.
    const slidFrom = event.target.form?.elements.slid_from;
    if (slidFrom && event.target.type === "number") slidFrom.value = twin.value;
  }, { capture: true }); // before htmx reads the form

  // --- the lease: counted down every second, renewed each minute while the reviewer is here ----------------------
  let lastSeen = Date.now();
  ["keydown", "pointerdown", "pointermove", "wheel"].forEach((kind) =>
    addEventListener(kind, () => { lastSeen = Date.now(); }, { passive: true }));
  const AWAY_MS = 5 * 60 * 1000;
  const BEAT_MS = 20 * 1000;
  let lastBeat = Date.now();
  let saidOnce = ""; // of a decision that did not take effect: it stays on the home page until it is read
  function tick() {
    const lease = document.querySelector("[data-lease-until]");
    if (!lease) return;
    const left = Math.round((Date.parse(lease.dataset.leaseUntil) - Date.now()) / 1000);
    const text = left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "over";
    all("[data-lease-left]").forEach((el) => { el.textContent = text; });
    const state = left <= 0 ? "over" : left < 120 ? "soon" : "fine";
    if (lease.dataset.state !== state) {
      lease.dataset.state = state;
      if (state === "soon") say("Less than two minutes of your lease are left.");
      if (state === "over") say("Your lease is over. The job may go to somebody else.");
    }
    if (left > 0 && Date.now() - lastBeat > BEAT_MS && Date.now() - lastSeen < AWAY_MS && !document.hidden) beat(lease);
  }
  async function beat(lease) {
    lastBeat = Date.now();
    const form = lease.querySelector("form[data-heartbeat]");
    if (!form) return;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
      if (answer.ok) {
        const told = await answer.json();
        lease.dataset.leaseUntil = told.expires_at;
        if (told.news) news(lease, told.news);
        if (told.said && told.said !== saidOnce) { saidOnce = told.said; say(told.said); }
        if (told.is_changed) news(lease, "Something changed on this item after your page was sent. Send your decision to see what; it is not recorded before you have.");
      }
      if (answer.status === 409) lost(lease, (await answer.json()).detail);
      reachable(true);
    } catch { reachable(false); /* the next beat tries again, and the countdown keeps telling the truth */ }
  }
  function news(lease, text) {
    const bar = lease.querySelector("[data-lease-news]");
    if (!bar) { say(text); return; }
    const words = bar.querySelector("[data-lease-text]");
    bar.hidden = false; // before the words: a reader of the screen hears what changes in what it can see
    if (words.textContent !== text) words.textContent = text;
  }
  // The job is not theirs any more: nothing from this page can be recorded, and all that was typed stays to be copied.
  function lost(lease, why) {
    news(lease, why || "This job is no longer yours.");
    all("[data-lease-lost]", lease).forEach((el) => { el.hidden = false; });
    all("form[data-decide] button", lease).forEach((button) => { button.disabled = true; });
    lease.dataset.leaseUntil = new Date().toISOString();
    tick();
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { lastBeat = 0; lastSeen = Date.now(); tick(); } });
  setInterval(tick, 1000);

  // --- polling: only while somebody looks, and never under their hands ---------------------------------------------
  const isEdited = (el) => /^(radio|checkbox)$/.test(el.type) ? el.checked !== el.defaultChecked
    : el.tagName === "SELECT" ? [...el.options].some((option) => option.selected !== option.defaultSelected) : el.value !== el.defaultValue;
  const isInUse = (part) => {
    const selection = getSelection();
    return (part.contains(document.activeElement) && typing(document.activeElement))
      || all("input, select, textarea", part).some(isEdited)
      || (!selection.isCollapsed && part.contains(selection.anchorNode));
  };
  setInterval(() => {
    if (!document.hidden) all("[data-poll]").forEach((el) => window.htmx?.trigger(el, "poll"));
  }, 5000);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.triggeringEvent?.type === "poll" && isInUse(event.detail.elt)) event.preventDefault();
  });
  // A part that is drawn again is another part to the browser: what was in focus, or open, is found again by what it is.
  const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
  const signOf = (el) => `${el.tagName} ${el.id} ${el.name ?? ""} ${el.getAttribute("href") ?? el.textContent.trim()}`;
  const OPENED = "details";
  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { requestConfig, target, serverResponse } = event.detail;
    if (requestConfig.triggeringEvent?.type !== "poll") return;
    // somebody may have begun to type while the answer was on its way; and what is the same need not be drawn
    if (isInUse(target)) { event.detail.shouldSwap = false; return; }
    const focus = target.contains(document.activeElement) ? document.activeElement : null;
    const alike = focus && all(FOCUSABLE, target).filter((el) => signOf(el) === signOf(focus));
    kept = {
      id: target.id, sign: focus && signOf(focus), nth: focus && alike.indexOf(focus),
      open: all(OPENED, target).map((el) => el.open), scroll: all(".tablewrap", target).map((el) => el.scrollLeft),
    };
  });
  document.addEventListener("htmx:afterSettle", () => {
    const part = kept && document.getElementById(kept.id);
    const before = kept;
    kept = null;
    if (!part) return;
    all(OPENED, part).forEach((el, n) => { if (before.open[n]) el.open = true; });
    all(".tablewrap", part).forEach((el, n) => { el.scrollLeft = before.scroll[n] ?? 0; });
    if (!before.sign || (document.activeElement && document.activeElement !== document.body)) return;
    const alike = all(FOCUSABLE, part).filter((el) => signOf(el) === before.sign);
    const again = alike[before.nth] ?? alike[0];
    if (again) { again.focus({ preventScroll: true }); return; }
    part.tabIndex = -1; // what was in focus is gone: the place where it was is the nearest
    part.focus({ preventScroll: true });
  });
  // What nobody's hand caused is marked: a page left open must not keep a session alive.
  document.addEventListener("htmx:configRequest", (event) => {
    const cause = event.detail.triggeringEvent;
    if (!cause || cause.type === "poll") event.detail.headers["X-Poll"] = "1";
  });
  let readOutLast = document.querySelector("[data-announce]")?.dataset.announce;
  document.addEventListener("htmx:afterSettle", () => {
    const news = document.querySelector("[data-announce]")?.dataset.announce;
    if (news && news !== readOutLast) readOut(news); // once, not with every poll
    readOutLast = news;
    tick();
  });
  // Not at afterSwap: until it settles, an element that keeps its id keeps its old attributes too, aria-invalid among them.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.requestConfig?.verb !== "post") return;
    const wrong = document.querySelector("main [aria-invalid=true], main [aria-describedby$=_error] input");
    if (!wrong) scrollTo(0, 0);
    (wrong || document.querySelector("main [data-focus]"))?.focus({ preventScroll: !wrong });
  });
  // --- the connection: its loss is said as long as it lasts, and nothing is sent into it ----------------------------
  const offline = document.getElementById("offline");
  function reachable(is) {
    if (!offline || offline.hidden === is) return;
    offline.hidden = is;
    if (is) say("The connection is back.");
    all("[data-once]").forEach((button) => { button.disabled = false; });
  }
  addEventListener("offline", () => reachable(false));
  addEventListener("online", () => reachable(true));
  if (!navigator.onLine) reachable(false);
  document.addEventListener("submit", (event) => {
    // A form that the browser sends itself would end on its own page of errors, without what was typed.
    if (navigator.onLine || event.target.method === "dialog") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    reachable(false);
  }, { capture: true });
  document.addEventListener("htmx:sendError", () => {
    reachable(false);
    say("The server could not be reached. Nothing was sent; try again.");
  });
  document.addEventListener("htmx:beforeSwap", () => reachable(true));
  document.addEventListener("htmx:responseError", (event) => {
    const code = event.detail.xhr.status;
    if (code === 401 || code === 403) { // of another session: the page comes anew, with what was typed
      const typed = JSON.parse(sessionStorage.getItem(KEPT) || "null");
      if (typed) sessionStorage.setItem(KEPT, JSON.stringify({ ...typed, reloaded: true }));
      location.reload();
      return;
    }
    all("[data-once]").forEach((button) => { button.disabled = false; });
    say("That did not work. Nothing was changed; reload the page and try again.");
  });
  tick();
})();

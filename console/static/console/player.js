// The player and the veils of job and item pages. Nothing plays by itself; what is shown works without this script as well.
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  const player = () => one(".media .veil video");
  const typing = (el) => el.isContentEditable || /^(TEXTAREA|SELECT)$/.test(el.tagName)
    || (el.tagName === "INPUT" && !/^(radio|checkbox|button|submit|range)$/.test(el.type));
  const say = (text) => document.dispatchEvent(new CustomEvent("said", { detail: text }));
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}.${Math.floor((s * 10) % 10)}`;

  // --- playing ----------------------------------------------------------------------------------------------------
  const SEEK_S = 2;
  const FRAME_S = 1 / 25; // browsers do not tell a clip's frame rate
  const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];
  const wasMoved = new WeakSet(); // players that somebody has sent to a place: they play from there
  function toggle() {
    const video = player();
    if (!video) return;
    if (!video.paused) { video.pause(); return; }
    if (!wasMoved.has(video) && video.dataset.worst !== undefined) seek(Number(video.dataset.worst), false);
    wasMoved.add(video);
    video.play();
  }
  function seek(seconds, tells = true) {
    const video = player();
    if (!video) return false;
    wasMoved.add(video);
    const end = Number.isFinite(video.duration) ? video.duration : Infinity;
    video.currentTime = Math.min(Math.max(seconds, 0), end);
    follow();
    if (tells) say(`At ${clock(video.currentTime)}.`);
    return true;
  }
  const step = (seconds) => { const video = player(); if (video) { if (Math.abs(seconds) < 1) video.pause(); seek(video.currentTime + seconds); } };
  function speed(by) {
    const video = player();
    if (!video) return;
    const at = SPEEDS.indexOf(video.playbackRate);
    video.playbackRate = SPEEDS[Math.min(Math.max((at < 0 ? 3 : at) + by, 0), SPEEDS.length - 1)];
    const told = one("[data-speed]");
    if (told) told.textContent = `${video.playbackRate}×`;
    say(`${video.playbackRate} times the speed.`);
  }
  function loop(button) {
    const video = player();
    if (!video) return;
    video.loop = !video.loop;
    button.setAttribute("aria-pressed", String(video.loop));
    say(video.loop ? "It loops." : "It ends at its end.");
  }
  // Where a part is marked, that is what loops.
  function loopPart(video) {
    const [from, to] = marks();
    if (video.loop && !video.paused && from !== null && to !== null && to > from && video.currentTime >= to) video.currentTime = from;
  }

  // --- the timeline and the transcript follow ---------------------------------------------------------------------
  const momentLinks = () => all("[data-timeline] a[data-at]");
  function follow() {
    const video = player();
    if (!video) return;
    const now = video.currentTime * 1000;
    const chart = one("[data-timeline]");
    if (chart) {
      const x = Math.min(now / Number(chart.dataset.duration), 1) * 1000;
      all("[data-playhead]", chart).forEach((head) => { head.setAttribute("x1", x); head.setAttribute("x2", x); });
    }
    current(momentLinks().map((link) => [Number(link.dataset.at), link.parentElement]), now);
    current(all(".said-lines [data-seek]").map((link) => [Number(link.dataset.seek) * 1000, link.parentElement]), now);
    const scrub = one("[data-scrub]");
    if (scrub && Number.isFinite(video.duration)) {
      scrub.value = (video.currentTime / video.duration) * 1000;
      scrub.setAttribute("aria-valuetext", clock(video.currentTime));
      one("[data-clock]").textContent = `${clock(video.currentTime)} / ${clock(video.duration)}`;
    }
  }
  function current(places, now) {
    const here = places.filter(([at]) => at <= now + 50).pop()?.[0];
    places.forEach(([at, row]) => { if (at === here) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current"); });
  }
  function toMoment(direction) {
    const video = player();
    if (!video) return;
    const now = video.currentTime * 1000;
    const times = momentLinks().map((link) => Number(link.dataset.at));
    const next = direction > 0 ? times.find((ms) => ms > now + 50) : times.reverse().find((ms) => ms < now - 50);
    if (next === undefined) { say("There is no further moment that way."); return; }
    seek(next / 1000);
    const link = momentLinks().find((each) => Number(each.dataset.at) === next);
    link?.scrollIntoView({ block: "nearest" });
    say(link?.parentElement.textContent.replace(/\s+/g, " ").trim());
  }

  // --- the part that breaks the rule ------------------------------------------------------------------------------
  const place = (name) => one(`#job [name=span_${name}]`);
  function marks() {
    return ["from", "until"].map((name) => {
      const text = place(name)?.value.trim();
      if (!text) return null;
      const parts = text.split(":").map(Number);
      return parts.some(Number.isNaN) ? null : parts.reduce((sum, part) => sum * 60 + part, 0);
    });
  }
  function mark(name) {
    const video = player();
    const input = place(name);
    if (!video || !input) return;
    input.value = (Math.round(video.currentTime * 10) / 10).toFixed(1);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    const [from, until] = marks();
    say(from !== null && until !== null && until <= from ? `The part ends at ${clock(until)}, before it begins: mark the other end again.`
      : `The part that breaks the rule ${name === "from" ? "begins" : "ends"} at ${clock(video.currentTime)}.`);
  }
  function unmark() {
    ["from", "until"].forEach((name) => { const input = place(name); if (input) { input.value = ""; input.dispatchEvent(new Event("input", { bubbles: true })); } });
    say("No part is marked.");
  }

  // --- keys -------------------------------------------------------------------------------------------------------
  const PLAIN = {
    " ": toggle,
    ArrowLeft: () => step(-SEEK_S), ArrowRight: () => step(SEEK_S),
    ",": () => step(-FRAME_S), ".": () => step(FRAME_S),
    "-": () => speed(-1), "+": () => speed(1), "=": () => speed(1),
    "[": () => mark("from"), "]": () => mark("until"),
  };
  // Keys that a person chose in place of ours, or switched off: arrows and Space are no characters and always there.
  const meant = (key) => (document.body.hasAttribute("data-keys-off") && key.length === 1 && key !== " " ? "" : window.gatehouse?.meant?.(key) ?? key);
  function isFree(target, key) {
    if (typing(target) || document.querySelector("dialog[open]")) return false;
    if (target.matches("[data-wipe], .strength input")) return false; // sliders of their own
    if (key === " ") return !target.matches("button, summary, a, [type=checkbox], [type=radio]:not(:checked)");
    return true;
  }
  // Before the page's own keys, and before the browser scrolls or its player answers.
  document.addEventListener("keydown", (event) => {
    if (!player() || !isFree(event.target, event.key)) return;
    // Brackets are AltGr with a digit on many keyboards, which some systems tell as Ctrl and Alt.
    const isBracket = /^[[\]]$/.test(event.key);
    if ((event.ctrlKey || event.metaKey || event.altKey) && !isBracket) return;
    const act = event.shiftKey && /^Arrow(Left|Right)$/.test(event.key) ? () => toMoment(event.key === "ArrowRight" ? 1 : -1) : PLAIN[meant(event.key)];
    if (!act || (event.repeat && !/^(Arrow|[,.])/.test(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }, true);

  // --- the veils: a tap of `v` lifts the blur, holding it peeks ------------------------------------------------------
  const HOLD_MS = 300;
  let heldSince = 0;
  const peek = (is) => document.body.classList.toggle("peeking", is);
  document.addEventListener("keydown", (event) => {
    // A letter that chooses a policy after an outcome was taken before.
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (meant(event.key.toLowerCase()) !== "v") return;
    if (!one("[data-tap=v]") || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    if (event.repeat || heldSince) return;
    heldSince = Date.now();
    peek(true);
  });
  document.addEventListener("keyup", (event) => {
    if (meant(event.key.toLowerCase()) !== "v" || !heldSince) return;
    const isTap = Date.now() - heldSince < HOLD_MS;
    letGo();
    const box = isTap && one("[data-tap=v]");
    if (!box) return;
    box.checked = !box.checked;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  });
  function letGo() { heldSince = 0; peek(false); }
  addEventListener("blur", letGo); // the key may come up elsewhere: nothing stays open because of that
  document.addEventListener("visibilitychange", () => { if (document.hidden) letGo(); });

  function applyVeils() {
    const form = one("[data-viewing]");
    if (!form) return;
    const of = (name) => form.elements[name]?.value;
    document.documentElement.style.setProperty("--blur", `${of("blur")}px`);
    document.documentElement.style.setProperty("--grey", `${of("grey")}%`);
    const video = player();
    if (!video) return;
    video.volume = Number(of("volume")) / 100;
    video.muted = !form.elements.has_sound.checked;
  }
  let keepTimer = 0;
  document.addEventListener("change", (event) => { if (event.target.form?.matches("[data-viewing]")) { applyVeils(); keepSoon(event.target.form); } });
  document.addEventListener("input", (event) => { if (event.target.closest?.(".strength")) applyVeils(); });
  function keepSoon(form) {
    clearTimeout(keepTimer);
    keepTimer = setTimeout(async () => {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Viewing": "1" }, redirect: "manual", keepalive: true }).catch(() => null);
      if (answer?.status !== 204) say("How you look at media is not kept: the server did not answer. It holds on this page.");
    }, 400);
  }

  // --- clicks, dragging, events of the video ------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    if (hit("[data-play]")) toggle();
    else if (hit("[data-slower]")) speed(-1);
    else if (hit("[data-faster]")) speed(1);
    else if (hit("[data-loop]")) loop(hit("[data-loop]"));
    else if (hit("[data-to-worst]")) seek(Number(player().dataset.worst));
    else if (hit("[data-mark]")) mark(hit("[data-mark]").dataset.mark);
    else if (hit("[data-unmark]")) unmark();
    else if (hit("[data-step]")) toMoment(Number(hit("[data-step]").dataset.step));
    else if (hit("[data-seek]") && seek(Number(hit("[data-seek]").dataset.seek))) event.preventDefault();
    else if (hit("[data-timeline] [data-at]") && seek(Number(hit("[data-timeline] [data-at]").dataset.at) / 1000)) event.preventDefault();
  });
  document.addEventListener("input", (event) => {
    const video = player();
    if (event.target.matches("[data-scrub]") && video && Number.isFinite(video.duration)) seek((event.target.value / 1000) * video.duration, false);
    const wipe = event.target.matches("[data-wipe]") && event.target.closest("[data-wiped]");
    if (wipe) wipe.style.setProperty("--wipe", `${event.target.value}%`);
  });
  for (const kind of ["timeupdate", "seeked", "loadedmetadata", "durationchange"]) document.addEventListener(kind, (event) => {
    if (event.target !== player()) return;
    if (kind === "timeupdate") loopPart(event.target);
    follow();
  }, true);
  for (const kind of ["play", "pause"]) document.addEventListener(kind, (event) => {
    const sign = event.target === player() && one("[data-play-sign]");
    if (sign) sign.textContent = kind === "play" ? "❚❚" : "▶";
  }, true);

  // On a phone the outcomes are always in reach, and what an outcome asks for lies further down.
  document.addEventListener("change", (event) => {
    const isAsking = event.target.name === "outcome" && event.target.value !== "0" && event.target.form?.matches(".bench [data-decide]");
    if (isAsking && matchMedia("(max-width: 760px)").matches) document.getElementById("decide-title")?.scrollIntoView({ block: "start" });
  });

  // --- a page, or the next job in its place --------------------------------------------------------------------------
  function begin() {
    letGo();
    const video = player();
    all("[data-steps]").forEach((part) => { part.hidden = !video; });
    all("[data-playbar]").forEach((bar) => { bar.hidden = false; });
    all("[data-remember]").forEach((button) => { button.hidden = true; });
    if (video) video.controls = false;
    applyVeils();
    follow();
  }
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.elt?.id === "job" || event.detail.target?.id === "job") begin(); });
  begin();
})();

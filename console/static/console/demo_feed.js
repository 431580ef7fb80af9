// The demo feed: plays what is in view, and asks twice a second which items may still be shown.
(() => {
  "use strict";
  const POLL_MS = 500; // with the gate's own delay an item is gone within a second of the decision
  const screen = document.getElementById("screen");
  if (!screen) return;
  const nothing = document.getElementById("nothing");
  const toast = document.getElementById("toast");
  const sound = document.getElementById("sound");
  const pulse = document.getElementById("pulse");
  const gone = document.getElementById("gone");
  const cards = () => [...screen.querySelectorAll(".card:not(.leaving)")];
  const why = {
    not_granted: "withdrawn", expired: "its clearance ended", age: "no longer for this age",
    territory: "no longer in this region", stale: "the gate's view is too old", unknown: "withdrawn",
  };

  document.querySelector("[data-autosubmit]")?.addEventListener("change", (event) => event.currentTarget.submit());

  // --- playing ---
  const seen = new IntersectionObserver((entries) => {
    for (const { target, intersectionRatio } of entries) {
      const video = target.querySelector("video");
      target.classList.toggle("current", intersectionRatio > 0.6);
      if (!video) continue;
      if (intersectionRatio > 0.6) video.play().catch(() => { video.controls = true; });
      else video.pause();
    }
  }, { root: screen, threshold: [0, 0.6, 1] });
  for (const card of cards()) {
    const video = card.querySelector("video");
    if (video) {
      video.controls = false;
      video.addEventListener("click", () => (video.paused ? video.play() : video.pause()));
    }
    seen.observe(card);
  }
  const videos = () => [...screen.querySelectorAll("video")];
  if (videos().length) sound.hidden = false;
  sound.addEventListener("click", () => {
    const on = sound.getAttribute("aria-pressed") !== "true";
    sound.setAttribute("aria-pressed", String(on));
    sound.textContent = on ? "Sound on" : "Sound off";
    for (const video of videos()) video.muted = !on;
  });
  screen.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 1, PageUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    screen.scrollBy({ top: step * screen.clientHeight, behavior: "smooth" });
  });

  // --- leaving ---
  let hush = 0;
  const say = (text) => {
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(hush);
    hush = setTimeout(() => { toast.hidden = true; }, 4000);
  };
  const count = () => {
    const n = cards().length;
    document.getElementById("n-items").textContent = String(n);
    nothing.hidden = n > 0;
  };
  const withdraw = (id, reason) => {
    const card = cards().find((c) => c.dataset.id === id);
    if (!card) return;
    const name = card.querySelector("strong").textContent;
    card.querySelector("video")?.pause();
    card.querySelector("video")?.removeAttribute("src");
    card.classList.add("leaving");
    seen.unobserve(card);
    setTimeout(() => { card.remove(); count(); }, 260);
    say(`Withdrawn: ${name}`);
    const line = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = new Date().toISOString().slice(11, 19);
    line.append(time, ` ${name}: ${why[reason] || reason}`);
    gone.prepend(line);
    while (gone.children.length > 6) gone.lastElementChild.remove();
  };

  // --- asking: one question at a time; whoever cannot ask says so ---
  const ask = async () => {
    const ids = cards().map((c) => c.dataset.id);
    if (ids.length && !document.hidden) {
      const query = ids.map((id) => `&id=${encodeURIComponent(id)}`).join("");
      try {
        const answer = await fetch(screen.dataset.standing + query, { headers: { Accept: "application/json", "X-Poll": "1" }, redirect: "error" });
        if (!answer.ok) throw new Error(String(answer.status));
        const { gone: left, is_stale: stale } = await answer.json();
        for (const { id, why: reason } of left) withdraw(id, reason);
        pulse.textContent = stale ? "its view is too old: everything leaves" : "asked twice a second, all shown items stand";
        pulse.className = stale ? "pulse bad" : "pulse live";
      } catch {
        pulse.textContent = "does not answer";
        pulse.className = "pulse bad";
      }
    }
    setTimeout(ask, POLL_MS);
  };
  setTimeout(ask, POLL_MS);
})();

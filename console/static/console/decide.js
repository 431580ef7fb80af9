// The decision form: an outcome, then the letter of a policy, then the digit of a clause. The sentence that the creator will
// read follows the clause for as long as nobody has written in its place.
"use strict";

(() => {
  const { all, say, readOut } = window.gatehouse;
  const CLEAR = "0";
  const RESTRICT = "1";
  const ESCALATE = "2";
  const formOf = () => document.querySelector("form[data-decide]");
  const chosenOf = (form, name) => form.querySelector(`[name=${name}]:checked`);
  const clauses = (form) => all("[name=clause][data-category]", form);
  const ofCategory = (form) => clauses(form).filter((radio) => radio.dataset.category === form.elements.category.value);
  const hasLetters = (form) => form.querySelector("[data-letters]") !== null;

  // --- the guideline and the fields follow what was chosen ------------------------------------------------------------
  document.addEventListener("change", (event) => {
    const el = event.target;
    const form = el.form;
    if (!form?.matches("[data-decide]")) return;
    if (el.name === "category") afterCategory(form);
    if (el.name === "outcome") afterOutcome(form, el);
    if (el.name === "clause") afterClause(form, el, true);
  });
  function afterOutcome(form, radio) {
    if (radio.value === CLEAR) { begin(form, ""); return; }
    if (form.elements.category.value) propose(form);
    if (hasLetters(form)) begin(form, "category");
    else if (!form.elements.category.value) form.elements.category.focus();
  }
  function afterCategory(form) {
    guide(form);
    show(form);
    propose(form);
  }
  // The guideline of what was chosen; the others come when somebody asks for all of them.
  let isWhole = false;
  function guide(form) {
    const parts = all("[data-guideline]");
    const chosen = parts.find((part) => part.dataset.guideline === form.elements.category.value);
    parts.forEach((part) => {
      part.open = part === chosen;
      part.closest("li").hidden = !isWhole && chosen !== undefined && part !== chosen;
    });
    const whole = document.querySelector("[data-guidelines]");
    if (whole) whole.hidden = isWhole || parts.every((part) => !part.closest("li").hidden);
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-guidelines]")) return;
    isWhole = true;
    guide(formOf());
    document.querySelector("[data-guideline] summary")?.focus();
  });
  function show(form) {
    const box = form.querySelector("[data-clauses]");
    if (!box) return;
    const here = ofCategory(form);
    clauses(form).forEach((radio) => { radio.closest("label").hidden = !here.includes(radio); });
    box.hidden = !here.length;
  }
  // What the policy says first of this kind and outcome; whatever a person chose by hand stays while it fits.
  function propose(form) {
    const here = ofCategory(form);
    const outcome = chosenOf(form, "outcome")?.value;
    const chosen = chosenOf(form, "clause");
    if (chosen && !chosen.dataset.category && chosen.dataset.byHand) return;
    if (chosen && here.includes(chosen) && (chosen.dataset.byHand || chosen.dataset.outcome === outcome)) { afterClause(form, chosen, false); return; }
    const fits = outcome && here.find((radio) => radio.dataset.outcome === outcome);
    const next = fits || (outcome && outcome !== ESCALATE ? here[0] : undefined) || form.querySelector("[name=clause][value='']");
    if (!next) return;
    all("[name=clause]", form).forEach((radio) => { delete radio.dataset.byHand; });
    next.checked = true;
    afterClause(form, next, false);
  }
  function afterClause(form, radio, byHand) {
    if (byHand) {
      all("[name=clause]", form).forEach((one) => { delete one.dataset.byHand; });
      radio.dataset.byHand = "1";
      if (!chosenOf(form, "outcome") && radio.dataset.outcome) {
        const outcome = form.querySelector(`[name=outcome][value="${radio.dataset.outcome}"]`);
        if (outcome) outcome.checked = true;
      }
    }
    if (chosenOf(form, "outcome")?.value === RESTRICT && !chosenAge(form)) setAge(form, radio.dataset.minAge);
    write(form, radio);
  }
  // The strictest where the policy names none: nobody younger sees more by a slip.
  const chosenAge = (form) => {
    const age = chosenOf(form, "min_age");
    return age && age.dataset.given === undefined;
  };
  function setAge(form, years) {
    all("[name=min_age]", form).forEach((radio) => {
      radio.checked = radio.value === (Number(years) ? years : "18");
      if (radio.checked) radio.dataset.given = "1"; else delete radio.dataset.given;
    });
  }
  function write(form, radio) {
    const note = form.elements.note;
    const outcome = chosenOf(form, "outcome")?.value;
    const given = note.dataset.given ?? "";
    if (note.value.trim() && note.value !== given) {
      if (radio.dataset.byHand) say("Your own words stay; empty the field to get the clause's sentence.");
      return;
    }
    const sentence = outcome === ESCALATE || outcome === CLEAR ? "" : radio.dataset.sentence ?? "";
    note.dataset.given = sentence;
    if (note.value === sentence) return;
    note.value = sentence;
    note.lang = radio.dataset.lang ?? "";
    note.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // --- a choice that was begun: the next character belongs to it --------------------------------------------------------
  let stage = "";
  function begin(form, next) {
    stage = next;
    form.dataset.stage = next;
    // Eyes see the letters come up and the digits lit; this is the same in words.
    const policy = form.elements.category.selectedOptions[0]?.textContent.trim();
    if (next === "category") readOut(`${policy}. Another policy by its letter, a clause by its digit. Enter decides.`);
    if (next === "clause") readOut(`${policy}. The clause by its digit. Enter decides.`);
  }
  function take(key) {
    const form = formOf();
    if (!form || !stage || form.dataset.stage !== stage) { stage = ""; return false; }
    if (/^\d$/.test(key)) return takeDigit(form, key);
    const letter = stage === "category" && form.querySelector(`[data-letter="${CSS.escape(key)}"]`);
    if (letter) { choose(form, letter.value); return true; }
    begin(form, "");
    return false;
  }
  function choose(form, slug) {
    form.elements.category.value = slug;
    form.elements.category.dispatchEvent(new Event("change", { bubbles: true }));
    form.elements.category.dispatchEvent(new Event("input", { bubbles: true }));
    begin(form, ofCategory(form).length ? "clause" : "");
  }
  function takeDigit(form, digit) {
    const radio = digit === "0" ? form.querySelector("[name=clause][value='']") : ofCategory(form).find((one) => one.dataset.digit === digit);
    if (!radio) { say(`There is no clause ${digit} here.`); return true; }
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    radio.dispatchEvent(new Event("input", { bubbles: true }));
    begin(form, "");
    return true;
  }
  function end() { const form = formOf(); if (stage && form) begin(form, ""); }
  window.gatehouse.choice = { take, end };

  document.addEventListener("click", (event) => {
    const letter = event.target.closest("[data-letter]");
    if (letter?.form) choose(letter.form, letter.value);
  });
  document.addEventListener("input", (event) => { if (event.target.name === "note") delete event.target.lang; });
  // A page that came with a sentence of ours in the field (a draft, a refusal) knows it again as ours.
  function known() {
    const form = formOf();
    if (!form || !form.elements.note) return;
    if (form !== known.form) { known.form = form; isWhole = false; guide(form); } // another job, not a part of this page
    show(form);
    const chosen = chosenOf(form, "clause");
    if (chosen && form.elements.note.value === chosen.dataset.sentence) form.elements.note.dataset.given = chosen.dataset.sentence;
  }
  document.addEventListener("htmx:afterSettle", known);
  known();
})();

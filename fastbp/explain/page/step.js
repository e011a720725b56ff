"use strict";

(() => {
  const root = document.documentElement;
  const trace = JSON.parse(document.getElementById("trace").textContent);
  const { steps, words } = trace;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  // A shortened trace shows no single row.
  const rows = trace.shortened ? 0 : trace.x.length;
  const items = all(".step");
  const picture = one(".canvas svg");
  const ties = ["node", "edge", "bias"];
  const readingTime = (step) => 2500 + 45 * (step.why || "").length;

  let current = 0;
  let term = -1;
  let timer = null;
  let linking = null;

  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const drawnAt = (tie, place) => all(`[data-${tie}="${place}"]`, picture);
  const termsOf = (number) => steps[number].terms;

  /* What of the picture an element of the working stands for. */
  const tiedTo = (element) =>
    ties
      .filter((tie) => element.dataset[tie])
      .flatMap((tie) => drawnAt(tie, element.dataset[tie]));

  /* The terms of a sum over rows are the rows, one after the other. */
  const isSumOverRows = ({ kind, row, terms }) =>
    kind.endsWith("_gradient") && row === null && terms.length === rows;

  function shownRow() {
    if (term >= 0 && isSumOverRows(steps[current])) return term;
    for (let number = current; number >= 0; number--) {
      if (steps[number].row !== null) return steps[number].row;
    }
    return 0;
  }

  function showFigures() {
    const row = shownRow();
    const many = rows > 1;
    const caption = one(".row");
    caption.hidden = !many;
    if (many) caption.textContent = filled(words.row_of, { row: row + 1, rows });
    for (const slot of all(".slot", picture)) {
      const known = all(".figure", slot).filter(
        ({ dataset }) => dataset.from <= current + 1 && (dataset.row ?? row) == row,
      );
      for (const figure of all(".figure", slot)) {
        figure.classList.toggle("shown", figure === known.at(-1));
        figure.classList.toggle("fresh", Number(figure.dataset.from) === current + 1);
      }
    }
    for (const part of all(".edge, .label, .bias", picture)) {
      part.classList.toggle("updated", part.dataset.from <= current + 1);
    }
  }

  function activate() {
    const item = items[current];
    for (const part of all(".active, .own", picture)) part.classList.remove("active", "own");
    const own = tiedTo(item);
    const parts = all(".term", item).flatMap(tiedTo).concat(own);
    if (item.dataset.edge) {
      const [layer, unit, source] = item.dataset.edge.split(",");
      parts.push(...drawnAt("node", `${layer},${unit}`), ...drawnAt("node", `${layer - 1},${source}`));
    }
    if (steps[current].kind === "loss") own.push(one(".loss", picture));
    if (steps[current].kind === "summary" && item.dataset.layer) {
      const { layer } = item.dataset;
      parts.push(...all(`[data-layer="${layer}"], [data-edge^="${layer},"]`, picture));
    }
    for (const part of parts.concat(own)) part?.classList.add("active");
    for (const part of own) part?.classList.add("own");
    const seen = one(".unit.active", picture);
    const canvas = one(".canvas");
    if (seen && canvas.scrollWidth > canvas.clientWidth) {
      const box = seen.getBoundingClientRect();
      const frame = canvas.getBoundingClientRect();
      canvas.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
    }
  }

  /* Light an element of the working, or several, and its places in the picture. */
  function light(elements) {
    for (const part of all(".lit")) part.classList.remove("lit");
    for (const element of elements) {
      element.classList.add("lit");
      for (const part of tiedTo(element)) part.classList.add("lit");
    }
    picture.classList.toggle("focus", elements.length > 0);
  }

  const termElements = (number) => all(`[data-term="${number}"]`, items[current]);

  function lightTerm() {
    showFigures();
    light(term < 0 ? [] : termElements(term));
    const count = termsOf(current).length;
    one(".terms").hidden = count < 2;
    const text = term < 0 ? words.terms_of : words.term_of;
    one(".term-of").textContent = filled(text, { term: term + 1, terms: count });
    one(".previous-term").disabled = term < 0;
    one(".next-term").disabled = term >= count - 1;
  }

  function walk(by) {
    term = Math.min(Math.max(term + by, -1), termsOf(current).length - 1);
    lightTerm();
    if (term >= 0) say(one(".walk .lit", items[current])?.textContent ?? "");
  }

  const say = (text) => {
    one(".live").textContent = text;
  };

  function setCurrent(link, isCurrent) {
    if (isCurrent) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  }

  function markProgress() {
    const { phase } = steps[current];
    for (const link of all(".phases a")) {
      const own = items.filter((item) => item.dataset.phase === link.dataset.phase);
      const done = own.filter((item) => items.indexOf(item) <= current).length;
      link.style.setProperty("--done", done / own.length);
      setCurrent(link, link.dataset.phase === phase);
    }
    for (const entry of all(".entry")) {
      const number = Number(entry.dataset.from) - 1;
      entry.classList.toggle("known", number <= current);
      setCurrent(entry, number === current);
    }
    const position = { step: current + 1, steps: steps.length };
    one(".position").textContent = filled(words.step_of, position);
    for (const name of ["first", "previous"]) one(`.${name}`).disabled = current === 0;
    for (const name of ["next", "last"]) one(`.${name}`).disabled = current === steps.length - 1;
  }

  /* Browsers refuse changes of the address that follow each other too fast. */
  function link() {
    clearTimeout(linking);
    linking = setTimeout(() => {
      const hash = `#step-${current + 1}`;
      if (location.hash !== hash) history.replaceState(null, "", hash);
    }, 150);
  }

  function show(number, { speak = true } = {}) {
    current = Math.min(Math.max(number, 0), steps.length - 1);
    term = -1;
    items.forEach((item, place) => item.classList.toggle("current", place === current));
    activate();
    lightTerm();
    markProgress();
    link();
    one(".intro").hidden = current > 0;
    one(".outro").hidden = current < steps.length - 1;
    if (speak) {
      const { title, why } = steps[current];
      const equation = one(".equation", items[current]).textContent;
      say(`${one(".position").textContent}. ${title}. ${equation}. ${why}`);
    }
  }

  function pause() {
    clearTimeout(timer);
    timer = null;
    setPlay(false);
  }

  function setPlay(playing) {
    const button = one(".play");
    button.setAttribute("aria-pressed", playing);
    button.setAttribute("aria-label", playing ? words.pause : words.play);
    button.title = playing ? words.pause : words.play;
  }

  function playOn() {
    timer = setTimeout(() => {
      show(current + 1);
      if (current < steps.length - 1) playOn();
      else pause();
    }, readingTime(steps[current]));
  }

  function play() {
    if (timer !== null) {
      pause();
      return;
    }
    if (current === steps.length - 1) show(0);
    setPlay(true);
    playOn();
  }

  const go = (number) => {
    pause();
    show(number);
  };

  const moves = {
    first: () => go(0),
    previous: () => go(current - 1),
    next: () => go(current + 1),
    last: () => go(steps.length - 1),
    play,
    "previous-term": () => walk(-1),
    "next-term": () => walk(1),
    theme: changeTheme,
  };
  for (const [name, move] of Object.entries(moves)) one(`.${name}`).addEventListener("click", move);

  const keys = {
    ArrowRight: moves.next,
    ArrowLeft: moves.previous,
    Home: moves.first,
    End: moves.last,
    " ": play,
  };

  function onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const pressed = event.target.closest?.("button, a, summary, .term");
    const links = all(".phases a");
    if (event.shiftKey && event.key === "ArrowRight") walk(1);
    else if (event.shiftKey && event.key === "ArrowLeft") walk(-1);
    else if (event.shiftKey || (event.key === " " && pressed)) return;
    else if (keys[event.key]) keys[event.key]();
    else if (/^[1-9]$/.test(event.key) && links[event.key - 1]) links[event.key - 1].click();
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", onKey);

  /* Pointing at a term lights its places, pointing at a place its terms. */
  for (const element of all(".term, .factor")) {
    const number = element.dataset.term;
    const own = () => (number === undefined ? [element] : termElements(number));
    for (const name of ["mouseenter", "focus"]) element.addEventListener(name, () => light(own()));
    for (const name of ["mouseleave", "blur"]) element.addEventListener(name, lightTerm);
    element.addEventListener("click", () => {
      if (number !== undefined && termsOf(current).length > 1) walk(Number(number) - term);
    });
  }
  for (const part of all(".edge, .unit, .bias", picture)) {
    const tie = ties.find((name) => part.dataset[name]);
    part.addEventListener("mouseenter", () => {
      const same = `[data-${tie}="${part.dataset[tie]}"]`;
      const terms = all(`.term${same}, .factor${same}`, items[current]);
      light(terms);
      for (const drawn of drawnAt(tie, part.dataset[tie])) drawn.classList.add("lit");
    });
    part.addEventListener("mouseleave", lightTerm);
  }

  let touch = null;
  document.addEventListener("touchstart", (event) => {
    const inside = event.target.closest(".canvas, .controls, .values");
    touch = inside || event.touches.length > 1 ? null : event.touches[0];
  });
  document.addEventListener("touchend", (event) => {
    if (!touch) return;
    const x = event.changedTouches[0].clientX - touch.clientX;
    const y = event.changedTouches[0].clientY - touch.clientY;
    if (Math.abs(x) > 60 && Math.abs(x) > 2 * Math.abs(y)) go(current + (x < 0 ? 1 : -1));
    touch = null;
  });

  function changeTheme() {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  const linked = (address) => {
    const found = /#step-(\d+)$/.exec(address);
    return found ? Number(found[1]) - 1 : 0;
  };
  // Not what the address is by now, which may have followed an earlier step meanwhile.
  addEventListener("hashchange", (event) => go(linked(event.newURL)));

  root.classList.add("stepping");
  const isPhone = matchMedia("(max-width: 620px)").matches;
  // There the list of all values is longer than the screen.
  one(".values").open = !isPhone;
  const pixels = (size) => `${(picture.viewBox.baseVal.width * size) / 17}px`;
  // Text of 17 units stays legible; what has no room then can be scrolled to.
  picture.style.minWidth = pixels(isPhone ? 14 : 12);
  picture.style.maxWidth = pixels(20);
  show(linked(location.hash), { speak: false });
})();

"use strict";
// Filters and searches the examples; without it they are all visible.
(() => {
  const PAGE = 20;
  const examples = [...document.querySelectorAll(".example")];
  const texts = examples.map((e) => e.textContent.toLowerCase());
  const kinds = examples.map((e) => e.dataset.kinds.split("|"));
  const chips = [...document.querySelectorAll(".chips button")];
  const search = document.getElementById("search");
  const status = document.getElementById("status");
  const more = document.getElementById("more");
  let kind = "";
  let limit = PAGE;

  function update() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    examples.forEach((example, i) => {
      const fits =
        (!kind || kinds[i].includes(kind)) && words.every((word) => texts[i].includes(word));
      found += fits;
      example.hidden = !fits || found > limit;
    });
    status.textContent = found
      ? `${Math.min(found, limit)} of ${found} shown`
      : "Nothing found.";
    more.hidden = found <= limit;
  }

  chips.forEach((chip) =>
    chip.addEventListener("click", () => {
      kind = chip.dataset.kind;
      limit = PAGE;
      chips.forEach((other) => other.setAttribute("aria-pressed", String(other === chip)));
      update();
    })
  );
  search.addEventListener("input", () => {
    limit = PAGE;
    update();
  });
  more.addEventListener("click", () => {
    limit += PAGE;
    update();
  });
  update();
})();

"use strict";
(() => {
  const all = (selector, from) => [...(from || document).querySelectorAll(selector)];

  // Copy buttons are shown where a script can copy.
  for (const button of all("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        const range = document.createRange();
        range.selectNodeContents(button.previousElementSibling);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        button.textContent = "Selected";
      }
    });
  }

  const form = document.getElementById("filters");
  if (!form) return;
  form.hidden = false;

  const passes = (row, want) => {
    const data = row.dataset;
    if (!want.search.split(/\s+/).every((word) => data.words.includes(word))) return false;
    for (const name of ["modality", "license", "source"]) {
      if (want[name] && data[name] !== undefined && data[name] !== want[name]) return false;
      if (want[name] && data[name] === undefined && name === "modality") return false;
    }
    if (want.params && data.params !== undefined && !(data.params && +data.params <= +want.params)) return false;
    if (want.top1 && data.top1 !== undefined && !(data.top1 && +data.top1 >= +want.top1)) return false;
    return true;
  };

  const filter = () => {
    const want = Object.fromEntries(new FormData(form));
    want.search = want.search.trim().toLowerCase();
    const gone = new Set();
    for (const section of all("section[data-kind]")) {
      let count = 0;
      const rows = all("tbody tr", section);
      for (const row of rows) {
        row.hidden = !passes(row, want);
        if (row.hidden && section.dataset.kind === "backbones") gone.add(row.dataset.name);
        count += !row.hidden;
      }
      section.querySelector(".count").textContent = count === rows.length ? count : `${count} of ${rows.length}`;
    }
    for (const point of all("[data-point]")) point.toggleAttribute("hidden", gone.has(point.dataset.point));
  };
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());

  // Every column sorts; what is not known stays last in both directions.
  const sort = (table, place, header) => {
    const up = header.getAttribute("aria-sort") !== "ascending";
    for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    const numeric = header.hasAttribute("data-numeric");
    const value = (row) => row.querySelectorAll("[data-column]")[place].dataset.value;
    const rows = all("tbody tr", table).sort((one, other) => {
      const a = value(one), b = value(other);
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return (numeric ? a - b : a.localeCompare(b)) * (up ? 1 : -1);
    });
    table.tBodies[0].append(...rows);
  };
  for (const table of all("section[data-kind] table")) {
    for (const row of all("tbody tr", table)) [...row.children].forEach((cell) => cell.setAttribute("data-column", ""));
    all("thead th", table).forEach((header, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      button.addEventListener("click", () => sort(table, place, header));
      header.replaceChildren(button);
    });
  }

  // Two to four backbones side by side.
  const MOST = 4;
  const table = document.querySelector("#backbones table");
  const panel = document.getElementById("compare");
  const chosen = [];
  const headers = all("thead th", table).map((header) => header.textContent);
  const corner = document.createElement("th");
  corner.scope = "col";
  corner.textContent = "compare";
  table.tHead.rows[0].prepend(corner);

  const element = (tag, text, attributes) => Object.assign(document.createElement(tag), { textContent: text }, attributes);
  const show = () => {
    panel.hidden = !chosen.length;
    panel.replaceChildren();
    if (!chosen.length) return;
    if (chosen.length === 1) {
      panel.append(element("p", `${chosen[0].dataset.name}: choose one more to compare (up to ${MOST}).`));
      return;
    }
    const side = document.createElement("table");
    headers.forEach((header, place) => {
      const line = side.insertRow();
      line.append(element("th", header, { scope: "row" }));
      for (const row of chosen) {
        const cell = row.querySelectorAll("[data-column]")[place];
        const shown = line.insertCell();
        if (place === 0) shown.append(...[...cell.childNodes].map((node) => node.cloneNode(true)));
        else shown.textContent = cell.textContent;
      }
    });
    const close = element("button", "Close", { type: "button" });
    close.addEventListener("click", () => {
      for (const row of chosen.splice(0)) row.querySelector("input").checked = false;
      update();
    });
    panel.append(element("h3", "Side by side"), side, close);
  };
  const update = () => {
    show();
    for (const box of all("tbody input", table)) box.disabled = !box.checked && chosen.length >= MOST;
  };
  for (const row of all("tbody tr", table)) {
    const cell = document.createElement("td");
    const box = Object.assign(document.createElement("input"), { type: "checkbox" });
    box.setAttribute("aria-label", `Compare ${row.dataset.name}`);
    box.addEventListener("change", () => {
      if (box.checked) chosen.push(row);
      else chosen.splice(chosen.indexOf(row), 1);
      update();
    });
    cell.append(box);
    row.prepend(cell);
  }
})();

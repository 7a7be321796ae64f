// Copyright (c) 2026 The rras.sstp authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Sorting, filtering and copying. Without it the page can be read all the same.
(() => {
  "use strict";
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  const body = one("#hosts-table tbody");
  const rows = [...body.rows].map((row) => {
    const section = document.getElementById(row.dataset.for);
    return { row, section, state: row.dataset.state, isNew: "new" in row.dataset, words: null };
  });

  // --- sorting ---------------------------------------------------------------------------------------------------------------

  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  // An empty cell is neither large nor small: it stays at the end either way.
  const compare = (first, second, kind, factor) => {
    if (first === "" || second === "") return (first === "") - (second === "");
    return factor * (kind === "number" ? first - second : collator.compare(first, second));
  };

  const sort = (heading) => {
    const column = heading.cellIndex;
    const kind = heading.dataset.kind;
    const factor = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const keyed = rows.map((item) => {
      const cell = item.row.cells[column];
      const key = cell.dataset.sort ?? cell.textContent.trim();
      return { item, key: kind === "number" && key !== "" ? Number(key) : key };
    });
    keyed.sort((first, second) => compare(first.key, second.key, kind, factor));
    body.append(...keyed.map(({ item }) => item.row));
    for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", factor === 1 ? "ascending" : "descending");
  };

  for (const heading of all("#hosts-table thead th")) {
    const button = one("button", heading);
    button.disabled = false;
    button.addEventListener("click", () => sort(heading));
  }

  // --- filtering -------------------------------------------------------------------------------------------------------------

  const form = one("#filters");
  const search = one("#search");
  const state = one("#state");
  const onlyNew = one("#only-new");
  const shown = one("#shown");
  const nothing = one("#nothing");
  const total = rows.length;

  // Only the first search needs all the words of a page.
  const wordsOf = (item) => {
    item.words ??= `${item.row.textContent} ${item.section.textContent}`.toLowerCase();
    return item.words;
  };

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = state.value.split(" ").filter(Boolean);
    let count = 0;
    for (const item of rows) {
      const fits =
        (!states.length || states.includes(item.state)) && (!onlyNew.checked || item.isNew) && wanted.every((word) => wordsOf(item).includes(word));
      if (item.row.hidden === fits) {
        item.row.hidden = !fits;
        item.section.hidden = !fits;
      }
      count += fits;
    }
    const hosts = `host${total === 1 ? "" : "s"}`;
    shown.textContent = count === total ? `${total} ${hosts}` : `${count} of ${total} ${hosts}`;
    nothing.hidden = count > 0;
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields have their first values only after this event.
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("input", filter);
  // Not every way to choose from a list, such as that of some assistive tools, comes as an input.
  form.addEventListener("change", filter);
  // A browser that goes back to the page fills the fields in again.
  window.addEventListener("pageshow", filter);

  // --- hosts that open -------------------------------------------------------------------------------------------------------

  const open = (id) => {
    const section = id && document.getElementById(id);
    if (!section || !section.matches("details.host")) return;
    if (section.hidden) form.reset();
    section.hidden = false;
    section.open = true;
    section.scrollIntoView();
    one("summary", section).focus({ preventScroll: true });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#host-"]');
    if (!link) return;
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    open(link.hash.slice(1));
  });
  open(location.hash.slice(1));

  for (const part of all(".script")) part.hidden = false;
  one("#open-all").addEventListener("click", () => { for (const item of rows) item.section.open = !item.section.hidden || item.section.open; });
  one("#close-all").addEventListener("click", () => { for (const item of rows) item.section.open = false; });

  // Where the style sheet alone cannot show what is in a closed one.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = rows.map(({ section }) => section).filter((section) => !section.open && !section.hidden);
    for (const section of opened) section.open = true;
  });
  window.addEventListener("afterprint", () => { for (const section of opened) section.open = false; });

  // --- copying ---------------------------------------------------------------------------------------------------------------

  const select = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  // A file may not be let to the clipboard: then the text is selected, and the older way is tried.
  const copy = async (node) => {
    try {
      await navigator.clipboard.writeText(node.textContent);
      return "Copied";
    } catch {
      select(node);
      return document.execCommand("copy") ? "Copied" : "Selected";
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const label = button.firstChild;
    label.data = await copy(one("code", button.parentElement));
    setTimeout(() => { label.data = "Copy"; }, 2000);
  });
})();

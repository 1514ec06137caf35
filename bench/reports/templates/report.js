"use strict";
// Sorting, filtering, the theme, tooltips and the CSV.  Texts reach the page by textContent alone.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const $ = (id) => document.getElementById(id);
  const state = new URLSearchParams(location.search);
  const keep = (key, value) => {
    if (value) state.set(key, value); else state.delete(key);
    const query = state.toString();
    try { history.replaceState(null, "", (query ? "?" + query : location.pathname) + location.hash); } catch { /* sandboxed */ }
  };

  // Theme: the reader's choice, else the system's.
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  if (["dark", "light"].includes(state.get("theme"))) root.dataset.theme = state.get("theme");
  const theme = $("theme");
  const name = () => theme.setAttribute("aria-label", dark() ? "Use the light theme" : "Use the dark theme");
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; keep("theme", root.dataset.theme); name(); });
  name();

  // Sorting: numbers by number, what is missing last, equal rows in the order they had.
  const value = (row, i) => { const cell = row.cells[i]; return cell.dataset.s ?? cell.textContent.trim(); };
  const sort = (table, i, way) => {
    const body = table.tBodies[0], heads = table.tHead.rows[0].cells;
    const numeric = heads[i].classList.contains("num") || heads[i].dataset.n !== undefined;
    const rows = [...body.rows];
    const key = new Map(rows.map((row) => {
      const text = value(row, i);
      return [row, numeric ? (text === "" || Number.isNaN(Number(text)) ? null : Number(text)) : text.toLowerCase()];
    }));
    const sign = way === "descending" ? -1 : 1;
    rows.sort((a, b) => {
      const x = key.get(a), y = key.get(b);
      if (x === null || y === null || x === "" || y === "") return (x === null || x === "" ? 1 : 0) - (y === null || y === "" ? 1 : 0);
      return numeric ? sign * (x - y) : sign * x.localeCompare(y, "en", { numeric: true });
    });
    body.append(...rows);
    [...heads].forEach((head, j) => { if (j === i) head.setAttribute("aria-sort", way); else head.removeAttribute("aria-sort"); });
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("th button");
    if (!button) return;
    const head = button.parentElement, table = head.closest("table");
    const way = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    sort(table, head.cellIndex, way);
    if (table.id) keep("s-" + table.id, head.cellIndex + (way === "descending" ? "d" : "a"));
  });
  for (const table of document.querySelectorAll("table[id]")) {
    const wanted = /^(\d+)([ad])$/.exec(state.get("s-" + table.id) ?? "");
    if (wanted && table.tHead.rows[0].cells[wanted[1]]) sort(table, Number(wanted[1]), wanted[2] === "d" ? "descending" : "ascending");
  }

  // Filters of tables: words that must all occur, and the kinds that are pressed (none: all).
  const filterable = (input, table, count, empty, words, kinds) => {
    const chips = [...input.parentElement.querySelectorAll("button[data-area]")];
    const apply = () => {
      const terms = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const areas = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.area);
      const rows = table.tBodies[0].rows;
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !((!areas.length || areas.includes(row.dataset.area)) && terms.every((term) => text.includes(term)));
        shown += !row.hidden;
      }
      empty.hidden = shown > 0;
      count.textContent = shown === rows.length ? "" : shown + " of " + rows.length + " rows";
      keep(words, input.value.trim());
      keep(kinds, areas.join(","));
    };
    input.value = state.get(words) ?? "";
    const wanted = (state.get(kinds) ?? "").split(",");
    for (const chip of chips) {
      chip.setAttribute("aria-pressed", String(wanted.includes(chip.dataset.area)));
      chip.addEventListener("click", () => { chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true")); apply(); });
    }
    input.addEventListener("input", apply);
    apply();
  };
  if ($("filter") && $("overview-table")) filterable($("filter"), $("overview-table"), $("overview-count"), $("overview-empty"), "q", "areas");
  if ($("samples-filter")) filterable($("samples-filter"), $("samples-table"), $("samples-count"), $("samples-empty"), "samples", "kinds");

  // Charts as files: their colours are the page's variables, which a file of its own does not have.
  const drawn = (svg) => {
    const copy = svg.cloneNode(true), style = getComputedStyle(root), box = svg.viewBox.baseVal;
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", box.height);
    copy.setAttribute("font-family", "sans-serif");
    copy.removeAttribute("style");
    const text = new XMLSerializer().serializeToString(copy);
    return [text.replace(/var\((--[a-z0-9-]+)\)/g, (_, key) => style.getPropertyValue(key).trim()), box];
  };
  const save = (url, file) => { const link = document.createElement("a"); link.href = url; link.download = file; link.click(); };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-save]");
    if (!button) return;
    const figure = button.closest("figure");
    figure.querySelectorAll("svg.chart").forEach((svg, i) => {
      const [text, box] = drawn(svg), url = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
      const file = figure.querySelector("h3").textContent.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60) + "-" + (i + 1);
      if (button.dataset.save === "svg") { save(url, file + ".svg"); return; }
      const image = new Image();
      image.onload = () => {
        const canvas = document.createElement("canvas");
        canvas.width = 3 * box.width; canvas.height = 3 * box.height;
        const draw = canvas.getContext("2d");
        draw.fillStyle = getComputedStyle(root).getPropertyValue("--card").trim();
        draw.fillRect(0, 0, canvas.width, canvas.height);
        draw.drawImage(image, 0, 0, canvas.width, canvas.height);
        save(canvas.toDataURL("image/png"), file + ".png");
      };
      image.src = url;
    });
  });

  // Every number: texts are stored once and named by position.
  const data = JSON.parse($("data").textContent);
  const rows = data.rows.map((row) => row.map((cell, i) => data.coded[i] ? data.texts[cell] : cell));
  const quote = (cell) => {
    const text = cell === null ? "" : String(cell);
    return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  for (const button of document.querySelectorAll("button[data-csv]")) button.addEventListener("click", () => {
    const text = [data.columns, ...rows].map((row) => row.map(quote).join(",")).join("\n") + "\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = data.file ?? "results.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  const all = $("all-details"), most = 300;
  const list = () => {
    const terms = $("all-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter((row) => { const text = row.join(" ").toLowerCase(); return terms.every((term) => text.includes(term)); });
    $("all-count").textContent = found.length > most ? "the first " + most + " of " + found.length : found.length + " of " + rows.length;
    const short = (x) => x === null ? "—" : typeof x !== "number" ? String(x) : Number.isInteger(x) ? x.toLocaleString("en") : String(Number(x.toPrecision(5)));
    $("all-table").tBodies[0].replaceChildren(...found.slice(0, most).map((row) => {
      const tr = document.createElement("tr");
      row.forEach((cell, i) => {
        const td = document.createElement("td");
        if (!data.coded[i] && typeof cell !== "boolean") { td.className = "num"; td.dataset.s = cell ?? ""; }
        td.textContent = short(cell);
        tr.append(td);
      });
      return tr;
    }));
    for (const head of $("all-table").tHead.rows[0].cells) head.removeAttribute("aria-sort");
  };
  if (all) {
    let started = false;
    all.addEventListener("toggle", () => { if (all.open && !started) { started = true; list(); } });
    $("all-filter").addEventListener("input", list);
  }

  // Tooltips from what the marks say of themselves.
  const tip = $("tip");
  document.addEventListener("mousemove", (event) => {
    const mark = event.target.closest?.("svg.chart [aria-label], svg.bar[aria-label]");
    const text = mark?.getAttribute("aria-label") ?? "";
    if (!text || /^[XY]-axis/.test(text)) { tip.style.display = "none"; return; }
    tip.textContent = text;
    tip.style.display = "block";
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = (event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18) + "px";
  });
})();

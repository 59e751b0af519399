"use strict";
(() => {
  const page = document.documentElement;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const narrow = window.matchMedia("(max-width: 640px)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = {};

  const themed = (value, key = "") => {
    if (typeof value === "string") {
      const named = key.toLowerCase().endsWith("color") && value.startsWith("--");
      return named ? getComputedStyle(page).getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) {
      return value.map((item) => themed(item, key));
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, themed(item, name)]));
    }
    return value;
  };

  const draw = (name) => {
    const place = document.getElementById(`chart-${name}`);
    const variant = charts[name][chosen[name] || 0];
    const layout = themed(variant.layout);
    if (narrow.matches) {
      layout.dragmode = false;
      layout.font.size = 11;
    }
    place.setAttribute("aria-label", variant.alt);
    place.closest("figure").querySelector("figcaption").textContent = variant.note;
    return Plotly.react(place, themed(variant.data), layout, {
      responsive: true,
      displaylogo: false,
      displayModeBar: narrow.matches ? false : "hover",
      // Named one by one, because the library's own choice includes a button that uploads the chart.
      modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
      plotlyServerURL: "",
      showSendToCloud: false,
      typesetMath: false,
      showTips: false,
    });
  };

  const drawAll = () => Promise.all(Object.keys(charts).map(draw));

  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.key ?? cell.textContent.trim();
    const number = text === "" ? NaN : Number(text);
    return Number.isNaN(number) ? text : number;
  };

  const compare = (a, b) => {
    if (typeof a === typeof b) {
      return typeof a === "number" ? a - b : a.localeCompare(b);
    }
    return typeof a === "number" ? -1 : 1;
  };

  const sort = (button) => {
    const header = button.closest("th");
    const table = button.closest("table");
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentElement.cells) {
      other.setAttribute("aria-sort", "none");
    }
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    const sign = down ? -1 : 1;
    rows.sort((a, b) => sign * compare(key(a, header.cellIndex), key(b, header.cellIndex)));
    table.tBodies[0].append(...rows);
  };

  for (const button of document.querySelectorAll("table.sortable th button")) {
    button.addEventListener("click", () => sort(button));
  }
  for (const select of document.querySelectorAll("select[data-for]")) {
    select.addEventListener("change", () => {
      chosen[select.dataset.for] = Number(select.value);
      draw(select.dataset.for);
    });
  }
  for (const condition of [dark, narrow, window.matchMedia("print")]) {
    condition.addEventListener("change", drawAll);
  }
  drawAll().then(() => page.setAttribute("data-drawn", "true"));
})();

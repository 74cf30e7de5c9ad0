// What the page can do with JavaScript: sort tables, hide rows, enlarge figures, browse images. Without it, nothing else is missing.
"use strict";

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// --- tables: a click on a heading sorts the rows of each section, a click on × hides a row ---

const numberIn = (text) => {
  const found = text.replaceAll(",", "").replaceAll("−", "-").match(/^[<≤\s]*([+-]?\d+(\.\d+)?)/);
  return found ? Number(found[1]) : null;
};

const sortBy = (table, column, heading) => {
  const numeric = heading.classList.contains("number");
  const [first, then] = numeric ? ["descending", "ascending"] : ["ascending", "descending"]; // the largest number, or A
  const order = heading.getAttribute("aria-sort") === first ? then : first;
  const text = (row) => (row.cells[column].dataset.text ?? row.cells[column].textContent).trim();
  const value = (row) => (numeric ? numberIn(text(row)) : text(row).replace(/^–$/, "") || null);
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null); // what holds none stands last, either way
    return (numeric ? x - y : x.localeCompare(y, "en", { numeric: true })) * (order === "ascending" ? 1 : -1);
  };
  for (const body of table.tBodies) {
    body.append(...[...body.rows].filter((row) => !row.classList.contains("section")).sort(compare));
  }
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
};

for (const table of document.querySelectorAll("table")) {
  [...table.tHead.rows[table.tHead.rows.length - 1].cells].forEach((heading, column) => {
    const button = make("button", { className: "sort", type: "button", title: "sort by this column" }, ...heading.childNodes);
    button.onclick = () => sortBy(table, column, heading);
    heading.append(button);
  });
  const rows = [...table.querySelectorAll("tbody tr:not(.section)")];
  const all = make("button", { type: "button" });
  const bar = make("p", { className: "rows", hidden: true }, all);
  const count = () => {
    const hidden = rows.filter((row) => row.hidden).length;
    all.textContent = `show ${hidden} hidden row${hidden === 1 ? "" : "s"}`;
    bar.hidden = hidden === 0;
  };
  all.onclick = () => {
    for (const row of rows) row.hidden = false;
    count();
  };
  for (const row of rows) {
    const name = row.cells[0];
    name.dataset.text = name.textContent;
    const hide = make("button", { type: "button", className: "hide", title: "hide this row", textContent: "×" });
    hide.setAttribute("aria-label", `hide ${name.dataset.text}`);
    hide.onclick = () => {
      row.hidden = true;
      count();
    };
    name.prepend(hide);
  }
  table.parentElement.before(bar);
}

// --- figures: a click shows them as large as they are ---

const image = make("img", { alt: "" });
const close = make("button", { type: "button", textContent: "close" });
const dialog = make("dialog", {}, make("div", {}, image), close);
close.onclick = image.onclick = () => dialog.close();
document.body.append(dialog);
for (const figure of document.querySelectorAll(".wide > img")) {
  const open = () => {
    Object.assign(image, { src: figure.src, alt: figure.alt });
    dialog.showModal();
  };
  figure.parentElement.classList.add("figure");
  figure.parentElement.title = "enlarge";
  figure.onclick = open;
  figure.parentElement.onkeydown = (event) => event.key === "Enter" && open();
}

// --- the browser: two rows (original, measured, methods) of one image, side by side and one over the other ---

const chooser = (options, label) => {
  const select = make("select", {}, ...options.map((title, value) => make("option", { value, textContent: title })));
  return { select, label: make("label", {}, `${label} `, select) };
};

const browse = (section) => {
  const data = JSON.parse(section.querySelector("script").textContent);
  const sheets = new Map();
  const draw = async (canvas, row, place) => {
    if (!sheets.has(row)) sheets.set(row, Object.assign(new Image(), { src: row.sheet }));
    const wanted = (canvas.wanted = Symbol());
    await sheets.get(row).decode();
    if (canvas.wanted !== wanted) return; // another image was chosen meanwhile
    [canvas.width, canvas.height] = [data.width, data.height];
    const [x, y] = [place % data.across, Math.floor(place / data.across)];
    canvas.getContext("2d").drawImage(sheets.get(row), -x * data.width, -y * data.height);
  };
  const at = chooser(data.measurements.map((each) => each.title), "measurement");
  const holder = make("div");
  let kept = {}; // what was chosen under the measurement before, by names
  section.append(make("p", {}, at.label), holder);

  const show = () => {
    const { images, rows } = data.measurements[at.select.value];
    const titles = rows.map((row) => row.title);
    const [left, right] = [chooser(titles, "left"), chooser(titles, "right")];
    const last = rows.length - 1;
    const placed = (name, otherwise) => {
      const at = rows.findIndex((row) => row.name === name);
      return at < 0 ? otherwise : at;
    };
    left.select.value = placed(kept.left, Math.min(2, last - 1));
    right.select.value = placed(kept.right, last);
    const part = () => { // a row stands beside itself only where somebody asks for that
      if (left.select.value === right.select.value) right.select.value = left.select.value === String(last) ? last - 1 : last;
    };
    const lists = [{ title: "the first images", images: images.slice(0, 8), row: rows[1] }];
    for (const row of rows.slice(1)) {
      if (!row.scores) continue;
      lists.push({ title: `worst of ${row.title}`, images: row.worst, row }, { title: `best of ${row.title}`, images: row.best, row });
    }
    const list = chooser(lists.map((each) => each.title), "images");
    list.select.value = Math.max(0, lists.findIndex((each) => each.title === kept.list));
    const strip = make("div", { className: "strip" });
    const places = ["measured", "left", "right", "original"].map((name) => ({ canvas: make("canvas"), says: make("figcaption"), name }));
    const over = [make("canvas"), make("canvas")];
    const slider = make("input", { type: "range", min: 0, max: 100, value: 50 });
    slider.setAttribute("aria-label", "left image up to here, right image beyond");
    slider.oninput = () => (over[1].style.clipPath = `inset(0 0 0 ${slider.value}%)`);
    slider.oninput();
    let chosen = images.includes(kept.chosen) ? kept.chosen : lists[list.select.value].images[0];
    const refresh = () => {
      const shown = { measured: rows[1], original: rows[0], left: rows[left.select.value], right: rows[right.select.value] };
      const place = images.indexOf(chosen);
      kept = { left: shown.left.name, right: shown.right.name, list: lists[list.select.value].title, chosen };
      for (const { canvas, says, name } of places) {
        const row = shown[name];
        draw(canvas, row, place);
        says.textContent = row.title + (row.scores ? `: ${data.quality} ${row.scores[place].toFixed(2)} ${data.unit}` : "");
      }
      draw(over[0], shown.left, place);
      draw(over[1], shown.right, place);
      for (const button of strip.children) button.setAttribute("aria-pressed", String(Number(button.value) === chosen));
    };
    const fill = () => {
      const { images: listed, row } = lists[list.select.value];
      strip.replaceChildren(
        ...listed.map((number) => {
          const canvas = make("canvas");
          draw(canvas, row, images.indexOf(number));
          const button = make("button", { type: "button", value: number }, canvas, `no. ${number}`);
          button.onclick = () => {
            chosen = number;
            refresh();
          };
          return button;
        }),
      );
      refresh();
    };
    list.select.onchange = () => {
      const { images: listed, row } = lists[list.select.value];
      if (row !== rows[1]) left.select.value = rows.indexOf(row);
      part();
      chosen = listed[0];
      fill();
    };
    left.select.onchange = right.select.onchange = refresh;
    holder.replaceChildren(
      make("p", {}, list.label, left.label, right.label),
      strip,
      make("div", { className: "pair" },
        ...places.map(({ canvas, says }) => make("figure", {}, canvas, says)),
        make("figure", {}, make("div", { className: "over" }, ...over), slider, make("figcaption", { textContent: "left | right" }))),
    );
    part();
    fill();
  };
  at.select.onchange = show;
  show();
};

for (const section of document.querySelectorAll("section.browser")) {
  const watcher = new IntersectionObserver((seen) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect(); // its sheets are decoded when somebody comes near them, not before
    browse(section);
  }, { rootMargin: "800px" });
  section.hidden = false;
  watcher.observe(section);
}
for (const link of document.querySelectorAll("nav a[hidden]")) link.hidden = false;

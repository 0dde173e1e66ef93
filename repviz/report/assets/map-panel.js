"use strict";
// What is written beside the map: the image in focus with its neighbours, and the selection.

const MIX = 6; // labels of a selection that are listed
const by = (id) => document.getElementById(id);
const count = (value) => value.toLocaleString("en");
const plain = (value) => (Number.isNaN(value) ? "–" : Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 }));

const element = (name, text, options = {}) => Object.assign(document.createElement(name), { textContent: text }, options);

// A row of thumbnails on one canvas, a button over each.
class Strip {
  constructor(box, length, data, thumbnails, choose) {
    Object.assign(this, { data, thumbnails, rows: [] });
    this.buttons = Array.from({ length }, (_, place) => {
      const button = element("button", "", { type: "button" });
      button.addEventListener("click", () => choose(this.rows[place]));
      return button;
    });
    this.edge = 48;
    this.canvas = element("canvas", "", { width: this.edge * length, height: this.edge, ariaHidden: "true" });
    box.append(this.canvas, ...this.buttons);
  }

  show(rows, wrong, theme) {
    this.rows = rows;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.edge);
    this.buttons.forEach((button, place) => {
      const i = rows[place];
      button.hidden = i === undefined;
      if (button.hidden) return;
      const [left, side] = [place * this.edge + 3, this.edge - 6];
      if (this.thumbnails) this.thumbnails.draw(context, i, left, 3, side);
      else {
        context.fillStyle = css(theme.hues[this.data.label[i]]);
        context.fillRect(left, 3, side, side);
      }
      const amiss = wrong(i);
      button.setAttribute("aria-label", `Image ${this.data.ids[i]}${amiss ? ", not a true neighbour" : ""}`);
      if (!amiss) return;
      context.strokeStyle = theme.second;
      context.lineWidth = 4;
      context.beginPath();
      context.moveTo(left, 3);
      context.lineTo(left + side, 3 + side);
      context.moveTo(left + side, 3);
      context.lineTo(left, 3 + side);
      context.stroke();
    });
  }
}

class Panel {
  constructor(data, thumbnails, state, choose) {
    Object.assign(this, { data, thumbnails, state });
    by("map-neighbours").hidden = data.neighbors === 0;
    this.strips = ["map-true", "map-near"].map((id) => new Strip(by(id), data.neighbors, data, thumbnails, choose));
    this.face = by("map-face");
    if (thumbnails) {
      this.face.width = data.sheet.width;
      this.face.height = data.sheet.height;
    } else this.face.hidden = true;
  }

  // The image under the pointer, or else the pinned one.
  focus(focus, near, theme) {
    const { data, state } = this;
    if (focus < 0) {
      by("map-said").textContent = "Point at an image.";
      by("map-neighbours").hidden = true;
      return;
    }
    const label = data.labels ? `, ${data.label_noun} ${data.name(focus)}` : "";
    const column = data.columns[state.colour];
    const value = column ? `, ${column.name} ${plain(data.value(column, state.view, focus))}` : "";
    const pinned = focus === state.pin ? " (pinned; Escape unpins)" : "";
    by("map-said").textContent = `Image ${data.ids[focus]}${label}${value}${pinned}`;
    by("map-name").textContent = data.ids[focus];
    if (this.thumbnails) this.thumbnails.draw(this.face.getContext("2d"), focus, 0, 0, data.sheet.width);
    by("map-neighbours").hidden = data.neighbors === 0;
    if (data.neighbors === 0) return;
    const true_ = new Set(data.neighborsOf(state.view, focus));
    const right = near.filter((i) => true_.has(i)).length;
    const { name } = data.views[state.view];
    by("map-true-said").textContent = `Nearest in ${name}`;
    by("map-near-said").textContent = `Nearest on the map: ${right} of ${near.length} are true, the others crossed`;
    this.strips[0].show([...true_], () => false, theme);
    this.strips[1].show(near, (i) => !true_.has(i), theme);
  }

  // The card beside the pointer.
  card(map, focus) {
    const card = by("map-card");
    card.hidden = focus < 0 || map.points.x[focus] === ABSENT;
    if (card.hidden) return;
    const [x, y] = map.pixel(focus).map((value) => value / window.devicePixelRatio);
    const { side } = map;
    const inside = (value) => Math.max(0, Math.min(side, value));
    card.style.transform =
      `translate(${inside(x) + (x > side / 2 ? -16 : 16)}px, ${Math.max(62, Math.min(side - 62, y))}px) ` +
      `translate(${x > side / 2 ? "-100%" : "0"}, -50%)`;
  }

  selection() {
    const { data, state } = this;
    const { selection } = state;
    const some = selection.empty ? "No image is selected." : `${count(selection.count)} of ${count(data.n)} images are selected.`;
    by("map-count").textContent = some;
    by("map-csv").textContent = selection.empty ? "CSV of all" : "CSV of the selection";
    by("map-clear").disabled = selection.empty;
    by("map-mix").replaceChildren(...(selection.empty || !data.labels ? [] : this.mix()));
    by("map-profile").replaceChildren(...(selection.empty ? [] : this.profile()));
  }

  // How many of the selection carry which label.
  mix() {
    const { data, state } = this;
    const counts = new Uint32Array(data.labels.length);
    for (const i of state.selection.list) counts[data.label[i]]++;
    const order = [...counts.keys()].filter((label) => counts[label]).sort((a, b) => counts[b] - counts[a]);
    const items = order.slice(0, MIX).map((label) => {
      const item = element("li", "");
      const bar = element("progress", "", { max: data.totals[label], value: counts[label] });
      bar.setAttribute("aria-hidden", "true");
      item.append(element("span", data.labels[label]), bar, element("span", `${count(counts[label])} of ${count(data.totals[label])}`));
      return item;
    });
    const rest = order.length - MIX;
    return rest > 0 ? [...items, element("li", `and ${count(rest)} more`)] : items;
  }

  // The median of each column that differs by view, in each view: of the selection, of all.
  profile() {
    const { data, state } = this;
    const columns = data.columns.filter((column) => column.views);
    if (columns.length === 0) return [];
    const median = (column, view, mask) => {
      const counts = new Uint32Array(256);
      for (let i = 0, at = view * data.n; i < data.n; i++) if (mask === null || mask[i]) counts[column.values[at + i]]++;
      counts[255] = 0;
      let half = counts.reduce((sum, one) => sum + one) / 2;
      if (half === 0) return NaN;
      const code = counts.findIndex((one) => (half -= one) <= 0);
      return column.low + ((column.high - column.low) * code) / column.top;
    };
    const row = (name, cells) => {
      const line = element("tr", "");
      line.append(element("th", name, { scope: "row" }), ...cells.map((cell) => element("td", cell, { className: "number" })));
      return line;
    };
    return columns.map((column) => {
      const table = element("table", "");
      const head = element("tr", "");
      const heading = (title, className) => element("th", title, { scope: "col", className });
      head.append(heading("Representation", ""), heading("selection", "number"), heading("all", "number"));
      table.append(element("caption", `Median ${column.name}`), head);
      data.views.forEach(({ name }, view) => {
        column.medians ??= data.views.map((_, one) => median(column, one, null));
        table.append(row(name, [plain(median(column, view, state.selection.mask)), plain(column.medians[view])]));
      });
      const fold = element("details", "");
      fold.append(element("summary", `Median ${column.name}, selection beside all`), table);
      return fold;
    });
  }

  // What the colours of a numeric column mean.
  scale(theme) {
    const column = this.data.columns[this.state.colour];
    const box = by("map-scale");
    box.hidden = !column;
    if (!column) return;
    const bar = element("canvas", "", { width: 256, height: 1, ariaHidden: "true" });
    const context = bar.getContext("2d");
    theme.ramp.forEach((colour, i) => {
      context.fillStyle = css(colour);
      context.fillRect(i, 0, 1, 1);
    });
    const [less, more] = column.views ? [" or less", " or more"] : ["", ""];
    box.replaceChildren(
      element("span", `${plain(column.low)}${less}`),
      bar,
      element("span", `${plain(column.high)}${more}`),
      element("span", "grey: none", { className: "facts" }),
    );
  }
}

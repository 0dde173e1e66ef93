"use strict";
// What is written beside the map: the image in focus with its neighbours, and the selection.

const MIX = 6; // names of a selection that are counted
const LISTED = 20; // images of a selection that the table lists

// A row of thumbnails on one canvas, a button over each.
class Strip {
  constructor(box, { data, thumbnails, state }, choose) {
    Object.assign(this, { data, thumbnails, state, rows: [] });
    [this.canvas, ...this.buttons] = box.children;
    this.buttons.forEach((button, place) => on(button, "click", () => choose(this.rows[place])));
  }

  show(rows, wrong, theme) {
    const { data, state, canvas } = this;
    const edge = canvas.height;
    this.rows = rows;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, edge);
    this.buttons.forEach((button, place) => {
      const i = rows[place];
      button.hidden = i === undefined;
      if (button.hidden) return;
      const [left, side] = [place * edge + 3, edge - 6];
      if (this.thumbnails) this.thumbnails.draw(context, i, left, 3, side);
      else {
        context.fillStyle = theme.mark(data.columns[state.colour], i);
        context.fillRect(left, 3, side, side);
      }
      const amiss = wrong(i);
      button.ariaLabel = `Image ${data.ids[i]}${amiss ? ", not a true neighbour" : ""}`;
      if (!amiss) return;
      context.setTransform(side / 2, 0, 0, side / 2, left + side / 2, edge / 2);
      context.strokeStyle = theme.second;
      context.lineWidth = 8 / side;
      context.stroke(CROSS);
      context.resetTransform();
    });
  }
}

class Panel {
  constructor(data, thumbnails, state, choose) {
    Object.assign(this, { data, thumbnails, state });
    this.strips = ["map-true", "map-near"].map((id) => new Strip(by(id), this, choose));
    this.folds = by("map-tables").children;
    for (const fold of this.folds) on(fold, "toggle", () => this.tables());
  }

  // The image under the pointer, or else the pinned one.
  focus(focus, near, theme) {
    const { data, state } = this;
    by("map-neighbours").hidden = focus < 0 || data.neighbors === 0;
    if (focus < 0) {
      say("map-said", "Point at an image.");
      return;
    }
    const label = data.labels ? `, ${data.label_noun} ${data.labels[data.label[focus]]}` : "";
    const column = data.columns[state.colour];
    const value = column && column.names !== data.labels ? `, ${column.name} ${data.words(column, state.view, focus)}` : "";
    const pinned = focus === state.pin ? " (pinned; Escape unpins)" : "";
    say("map-said", `Image ${data.ids[focus]}${label}${value}${pinned}`);
    say("map-name", data.ids[focus]);
    if (this.thumbnails) this.thumbnails.draw(by("map-face").getContext("2d"), focus, 0, 0, data.sheet.width);
    if (data.neighbors === 0) return;
    const true_ = new Set(data.neighborsOf(state.view, focus));
    const right = near.filter((i) => true_.has(i)).length;
    say("map-true-said", `Nearest in ${data.views[state.view].name}`);
    say("map-near-said", `Nearest on the map: ${right} of ${near.length} are true, the others crossed`);
    this.strips[0].show([...true_], () => false, theme);
    this.strips[1].show(near, (i) => !true_.has(i), theme);
  }

  // The card beside the pointer.
  card(map, focus) {
    const card = by("map-card");
    card.hidden = focus < 0 || map.points.x[focus] === ABSENT;
    if (card.hidden) return;
    const [x, y] = map.pixel(focus).map((value) => value / devicePixelRatio);
    const { side } = map;
    const inside = (value) => Math.max(0, Math.min(side, value));
    card.style.transform =
      `translate(${inside(x) + (x > side / 2 ? -16 : 16)}px, ${Math.max(62, Math.min(side - 62, y))}px) ` +
      `translate(${x > side / 2 ? "-100%" : "0"}, -50%)`;
  }

  selection() {
    const { data } = this;
    const { selection } = this.state;
    say("map-count", selection.empty ? "No image is selected." : `${count(selection.count)} of ${count(data.n)} images are selected.`);
    say("map-csv", selection.empty ? "CSV of all" : "CSV of the selection");
    by("map-clear").disabled = selection.empty;
    by("map-tables").hidden = selection.empty;
    this.mix();
    this.tables();
  }

  // How many of the selection carry which name.
  mix() {
    const { data, state } = this;
    const category = data.category(state.colour);
    const items = [];
    if (category && !state.selection.empty) {
      category.totals ??= data.tally(category);
      const counts = data.tally(category, state.selection.list);
      const order = [...counts.keys()].filter((name) => counts[name]).sort((a, b) => counts[b] - counts[a]);
      for (const name of order.slice(0, MIX)) {
        const [some, all] = [counts[name], category.totals[name]];
        const bar = element("progress", { max: all, value: some, ariaHidden: "true" });
        items.push(element("li", {}, element("span", {}, category.names[name]), bar, element("span", {}, `${count(some)} of ${count(all)}`)));
      }
      if (order.length > MIX) items.push(element("li", {}, `and ${count(order.length - MIX)} more`));
    }
    by("map-mix").replaceChildren(...items);
  }

  // What the reader has unfolded: the table of the images, one for each column that differs by view.
  tables() {
    const { data, state, folds } = this;
    if (state.selection.empty) return;
    if (folds[0].open) this.list(folds[0]);
    data.columns.filter(({ views }) => views).forEach((column, place) => {
      if (folds[place + 1].open) this.profile(column, folds[place + 1].querySelectorAll("tbody tr"));
    });
  }

  // The first of the selected images, with their values in this view.
  list(fold) {
    const { data, state } = this;
    const cell = (column, i) => element("td", { className: column.names ? "" : "number" }, data.words(column, state.view, i));
    const rows = Array.from(state.selection.list.subarray(0, LISTED), (i) =>
      element("tr", {}, element("th", { scope: "row" }, data.ids[i]), ...data.columns.map((column) => cell(column, i))),
    );
    const rest = state.selection.count - rows.length;
    fold.querySelector("tbody").replaceChildren(...rows);
    fold.lastChild.textContent = rest > 0 ? `and ${count(rest)} more, all in the CSV` : "";
  }

  // The median of a column in each view: of the selection, of all.
  profile(column, rows) {
    const { data, state } = this;
    const median = (view, mask) => {
      const counts = new Uint32Array(256);
      for (let i = 0, at = view * data.n; i < data.n; i++) if (!mask || mask[i]) counts[column.values[at + i]]++;
      counts[255] = 0;
      let half = counts.reduce((sum, one) => sum + one) / 2;
      if (half === 0) return NaN;
      const code = counts.findIndex((one) => (half -= one) <= 0);
      return column.low + ((column.high - column.low) * code) / column.top;
    };
    column.medians ??= data.views.map((_, view) => median(view));
    rows.forEach(({ cells }, view) => {
      cells[1].textContent = plain(median(view, state.selection.mask));
      cells[2].textContent = plain(column.medians[view]);
    });
  }

  // What the colours of a numeric column mean.
  scale(theme) {
    const column = this.data.columns[this.state.colour];
    const box = by("map-scale");
    box.hidden = !column || Boolean(column.names);
    if (box.hidden) return;
    const [low, bar, high] = box.children;
    const context = bar.getContext("2d");
    theme.ramp.forEach((colour, i) => {
      context.fillStyle = css(colour);
      context.fillRect(i, 0, 1, 1);
    });
    low.textContent = `${plain(column.low)}${column.views ? " or less" : ""}`;
    high.textContent = `${plain(column.high)}${column.views ? " or more" : ""}`;
  }
}

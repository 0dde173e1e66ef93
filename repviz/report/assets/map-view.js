"use strict";
// What is seen: the large map and the small ones. Points are drawn once per view, zoom, colour and
// selection; what follows the pointer is drawn on canvases of its own above them.

const WHOLE = { scale: 1, x: 0.5, y: 0.5 }; // magnification, and the point in the middle
const MANY = 20000; // images from which on maps do not morph
const PEERS = 100; // images of one name up to which all stand out under the pointer
const [CROSS, DIAMOND] = ["M-1-1 1 1M1-1-1 1", "M-1 0 0-1 1 0 0 1Z"].map((path) => new Path2D(path));
const NAMED = 20; // names of a category up to which they stand in the map

const fit = (canvas, width, height = width) => {
  const ratio = devicePixelRatio;
  const [across, down] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width === across && canvas.height === down) return;
  canvas.width = across;
  canvas.height = down;
};

const dot = (n) => Math.max(0.8, Math.min(5, 120 / Math.sqrt(n)));

// The category whose names stand in the map, if there are neither too many nor one alone.
const named = (data, colour) => {
  const category = data.category(colour);
  return category && category.names.length > 1 && category.names.length <= NAMED ? category : null;
};

// The image of each name of a category nearest to the median of its points in a view.
const centres = (data, category, view) => {
  const { x, y } = data.views[view];
  category.centres ??= [];
  return (category.centres[view] ??= data.members(category).map((members) => {
    const there = members.filter((i) => x[i] !== ABSENT);
    if (there.length === 0) return -1;
    const middle = (values) => Uint16Array.from(there, (i) => values[i]).sort()[there.length >> 1];
    const [mx, my] = [middle(x), middle(y)];
    const far = (i) => (x[i] - mx) ** 2 + (y[i] - my) ** 2;
    return there.reduce((best, i) => (far(i) < far(best) ? i : best));
  }));
};

class Thumbnails {
  constructor(image, sheet) {
    Object.assign(this, { image, sheet });
  }

  get shape() {
    return this.sheet.height / this.sheet.width;
  }

  draw(context, i, x, y, width) {
    const { columns, width: w, height: h } = this.sheet;
    context.drawImage(this.image, (i % columns) * w, Math.floor(i / columns) * h, w, h, x, y, width, width * this.shape);
  }

  frame(context, i, x, y, width, colour) {
    this.draw(context, i, x, y, width);
    context.lineWidth = 2 * devicePixelRatio;
    context.strokeStyle = colour;
    context.strokeRect(x, y, width, width * this.shape);
  }
}

const thumbnailsOf = async ([id, grid]) => {
  await by(id).decode();
  return new Thumbnails(by(id), grid);
};

class LargeMap {
  constructor(data, thumbnails, state) {
    Object.assign(this, { data, thumbnails, state });
    this.canvas = by("map-canvas");
    this.overlay = by("map-overlay");
    this.raster = new Raster();
    this.points = data.views[state.view]; // in between two maps: where the points are on the way
  }

  get side() {
    return this.canvas.clientWidth;
  }

  get radius() {
    // Points grow as the map does, since fewer of them share its space.
    return Math.min(6, dot(this.data.n) * this.state.zoom.scale ** 0.4) * devicePixelRatio;
  }

  get place() {
    const { scale, x, y } = this.state.zoom;
    const side = this.canvas.width;
    const span = (side - 24 * devicePixelRatio) * scale;
    return { scale: span / SPAN, left: side / 2 - x * span, top: side / 2 + y * span };
  }

  pixel(i, { scale, left, top } = this.place) {
    return [left + scale * this.points.x[i], top - scale * this.points.y[i]];
  }

  // A place on the screen, CSS pixels from the canvas's corner, in the map's own units.
  toMap(x, y) {
    const { scale, left, top } = this.place;
    const ratio = devicePixelRatio;
    return [(x * ratio - left) / scale, (top - y * ratio) / scale];
  }

  pick(x, y, reach) {
    const far = (reach * devicePixelRatio) / this.place.scale;
    return this.data.grid(this.state.view).near(...this.toMap(x, y), 1, far)[0] ?? -1;
  }

  // The nearest image in a direction on the screen, for the arrow keys.
  next(from, dirX, dirY) {
    const { x, y } = this.points;
    const [fromX, fromY] = from >= 0 ? [x[from], y[from]] : this.toMap(this.side / 2, this.side / 2);
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < this.data.n; i++) {
      if (x[i] === ABSENT || i === from) continue;
      const [dx, dy] = [x[i] - fromX, fromY - y[i]];
      const along = dx * dirX + dy * dirY;
      const across = Math.abs(dx * dirY) + Math.abs(dy * dirX);
      if (along > 0 && across <= along && along + across < least) [best, least] = [i, along + across];
    }
    return best;
  }

  zoomBy(factor, atX = this.side / 2, atY = this.side / 2) {
    const { scale, x, y } = this.state.zoom;
    const next = Math.min(256, Math.max(1, scale * factor));
    const shift = (1 / scale - 1 / next) / (this.side - 24); // what is under (atX, atY) stays there
    this.state.zoom =
      next === 1
        ? WHOLE
        : { scale: next, x: x + (atX - this.side / 2) * shift, y: y - (atY - this.side / 2) * shift };
    this.canvas.classList.toggle("held", next > 1);
  }

  panBy(dx, dy) {
    const { scale, x, y } = this.state.zoom;
    const span = (this.side - 24) * scale;
    const inside = (value) => Math.min(1, Math.max(0, value));
    this.state.zoom = { scale, x: inside(x - dx / span), y: inside(y + dy / span) };
  }

  // Moves the map to an image that lies outside of what is seen; whether it did.
  reveal(i) {
    const { x, y } = this.data.views[this.state.view];
    const inside = (value) => value >= 0 && value <= this.canvas.width;
    if (i < 0 || x[i] === ABSENT || this.pixel(i).every(inside)) return false;
    this.state.zoom = { ...this.state.zoom, x: x[i] / SPAN, y: y[i] / SPAN };
    return true;
  }

  draw(theme) {
    const { data, state } = this;
    fit(this.canvas, this.side);
    fit(this.overlay, this.side);
    const colours = colouring(data, theme, state.colour, state.view);
    this.raster.draw(this.canvas, this.points, this.place, this.radius, colours, theme, state.selection);
    const context = this.canvas.getContext("2d");
    if (state.images && this.thumbnails) this.drawPictures(context, colours);
    if (this.points === data.views[state.view]) this.drawRandom(context, theme);
    const category = named(data, state.colour);
    if (state.names && category) this.drawNames(context, theme, category);
  }

  // What a lasso will leave below, before its end has to be seen.
  prepare(theme) {
    this.raster.prepare(this.canvas, this.points, this.place, this.radius, theme);
  }

  // Random images: a cross where the judges refuse one, a diamond where they accept it.
  drawRandom(context, theme) {
    const { scale, left, top } = this.place;
    const r = 4 * devicePixelRatio;
    for (const [x, y, accepted] of this.data.random[this.state.view] ?? []) {
      context.setTransform(r, 0, 0, r, left + scale * x, top - scale * y);
      for (const [colour, width] of [[theme.paper, 0.9], [theme.ink, 0.35]]) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.stroke(accepted ? DIAMOND : CROSS);
      }
    }
    context.resetTransform();
  }

  // As many thumbnails as have room; every image keeps its point.
  drawPictures(context, { codes, colours }) {
    const { data, state, points } = this;
    const edge = Math.max(22, Math.min(44, this.side * 1.1 * Math.sqrt(state.zoom.scale / data.n))) * devicePixelRatio;
    const { scale, left, top } = this.place;
    const taken = new Set();
    const selected = state.selection.empty ? null : state.selection.mask;
    for (const wanted of selected ? [1, 0] : [0])
      for (let i = 0; i < data.n; i++) {
        if (points.x[i] === ABSENT || (selected && selected[i] !== wanted)) continue;
        const [x, y] = [left + scale * points.x[i], top - scale * points.y[i]];
        if (x < -edge || y < -edge || x > this.canvas.width + edge || y > this.canvas.width + edge) continue;
        const cell = `${Math.round((1.6 * x) / edge)} ${Math.round((1.6 * y) / edge)}`;
        if (taken.has(cell)) continue;
        taken.add(cell);
        const height = edge * this.thumbnails.shape;
        context.globalAlpha = selected && !wanted ? 0.25 : 1;
        this.thumbnails.frame(context, i, x - edge / 2, y - height / 2, edge, css(colours[codes === null ? 0 : codes[i]]));
      }
    context.globalAlpha = 1;
  }

  drawNames(context, theme, category) {
    const { data, state, thumbnails } = this;
    const ratio = devicePixelRatio;
    const edge = 26 * ratio;
    const beside = thumbnails ? edge + 4 * ratio : 0;
    const placed = [];
    context.font = `600 ${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const i of centres(data, category, state.view)) {
      if (i < 0) continue;
      const whole = category.names[category.values[i]];
      const name = whole.length > 18 ? `${whole.slice(0, 17)}…` : whole;
      const [width, height] = [beside + context.measureText(name).width, thumbnails ? edge : 16 * ratio];
      let [x, y] = this.pixel(i);
      x = Math.max(2, Math.min(this.canvas.width - width - 2, x - width / 2));
      const meets = (other) => Math.abs(other.y - y) < height && x < other.x + other.width && other.x < x + width;
      for (let step = 0; step < 40 && placed.some(meets); step++) y += 6 * ratio;
      placed.push({ x, y, width });
      thumbnails?.frame(context, i, x, y - edge / 2, edge, theme.mark(data.columns[state.colour], i));
      const start = x + beside;
      context.lineWidth = 4 * ratio;
      context.strokeStyle = theme.paper;
      context.strokeText(name, start, y);
      context.fillStyle = theme.ink;
      context.fillText(name, start, y);
    }
  }

  // What follows the pointer: the image, its peers and neighbours, the pin, the lasso.
  mark(theme, { focus, peers, near }) {
    const { state, points } = this;
    const ratio = devicePixelRatio;
    const context = this.overlay.getContext("2d");
    context.clearRect(0, 0, this.overlay.width, this.overlay.height);
    const circle = (i, radius) => {
      const [x, y] = this.pixel(i);
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 7);
    };
    const there = (i) => i >= 0 && points.x[i] !== ABSENT;
    if (there(focus)) {
      const [fromX, fromY] = this.pixel(focus);
      context.strokeStyle = theme.muted;
      context.lineWidth = ratio;
      context.beginPath();
      for (const i of near.filter(there)) {
        context.moveTo(fromX, fromY);
        context.lineTo(...this.pixel(i));
      }
      context.stroke();
      context.fillStyle = theme.mark(this.data.columns[state.colour], focus);
      context.strokeStyle = theme.paper;
      context.beginPath();
      for (const i of [...peers, focus].filter(there)) circle(i, Math.max(this.radius * 1.3, 3.5 * ratio));
      context.fill();
      context.stroke();
    }
    context.strokeStyle = theme.ink;
    context.lineWidth = 2 * ratio;
    for (const [i, dash] of [[focus, []], [state.pin, [4 * ratio, 3 * ratio]]]) {
      if (!there(i)) continue;
      context.setLineDash(dash);
      context.beginPath();
      circle(i, this.radius + (dash.length ? 7 : 4) * ratio);
      context.stroke();
    }
    context.setLineDash([]);
    if (state.path.length > 1) {
      const { scale, left, top } = this.place;
      context.beginPath();
      for (const [x, y] of state.path) context.lineTo(left + scale * x, top - scale * y);
      context.closePath();
      context.stroke();
    }
  }

  // Moves the points from where they are to another view: 0.7 s, unless motion is unwelcome.
  morph(view, changed) {
    const from = this.points;
    const to = this.data.views[view];
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.points = to;
    if (calm || this.data.n > MANY || from === to) return changed();
    const start = performance.now();
    const between = { x: new Float32Array(this.data.n), y: new Float32Array(this.data.n) };
    const step = (time) => {
      if (this.state.view !== view) return;
      const share = Math.min(1, Math.max(0, (time - start) / 700));
      const eased = share * share * (3 - 2 * share);
      for (const axis of ["x", "y"])
        for (let i = 0; i < this.data.n; i++) {
          const [a, b] = [from[axis][i], to[axis][i]];
          between[axis][i] = a === ABSENT || b === ABSENT ? b : a + (b - a) * eased;
        }
      this.points = share === 1 ? to : between;
      this.raster.key = ""; // its arrays hold other places now
      changed();
      if (share < 1) requestAnimationFrame(step);
    };
    step(start);
  }
}

// One button per representation with its map on it; one canvas above all of them for the marks.
class SmallMaps {
  constructor(data, state, choose) {
    Object.assign(this, { data, state });
    this.box = by("map-views");
    this.marks = by("map-marks");
    this.maps = Array.from(this.box.querySelectorAll("button"), (button, view) => {
      on(button, "click", () => choose(view));
      return { button, canvas: button.firstChild, raster: new Raster() };
    });
  }

  place(canvas) {
    const side = canvas.width;
    const span = side - 8 * devicePixelRatio;
    return { scale: span / SPAN, left: side / 2 - span / 2, top: side / 2 + span / 2 };
  }

  measure() {
    const outer = this.box.getBoundingClientRect();
    const ratio = devicePixelRatio;
    fit(this.marks, outer.width, outer.height);
    for (const map of this.maps) {
      const inner = map.canvas.getBoundingClientRect();
      fit(map.canvas, inner.width);
      map.x = (inner.left - outer.left) * ratio;
      map.y = (inner.top - outer.top) * ratio;
    }
  }

  get radius() {
    return Math.min(1.6, Math.max(0.6, dot(this.data.n) / 2)) * devicePixelRatio;
  }

  prepare(theme) {
    this.maps.forEach(({ canvas, raster }, view) => {
      raster.prepare(canvas, this.data.views[view], this.place(canvas), this.radius, theme);
    });
  }

  draw(theme) {
    const { data, state } = this;
    this.maps.forEach(({ canvas, raster }, view) => {
      const colours = colouring(data, theme, state.colour, view);
      raster.draw(canvas, data.views[view], this.place(canvas), this.radius, colours, theme, state.selection);
    });
  }

  mark(theme, { focus, peers }) {
    const { data, state } = this;
    const ratio = devicePixelRatio;
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, this.marks.width, this.marks.height);
    if (focus < 0) return;
    const rows = [...peers, focus];
    const half = Math.round(2 * ratio);
    context.fillStyle = theme.mark(data.columns[state.colour], focus);
    context.strokeStyle = theme.ink;
    context.lineWidth = 1.5 * ratio;
    this.maps.forEach((map, view) => {
      const { scale, left, top } = this.place(map.canvas);
      const points = data.views[view];
      for (const i of rows) {
        if (points.x[i] === ABSENT) continue;
        const x = Math.round(map.x + left + scale * points.x[i]);
        const y = Math.round(map.y + top - scale * points.y[i]);
        if (i === focus) context.strokeRect(x - 4 * ratio, y - 4 * ratio, 8 * ratio, 8 * ratio);
        context.fillRect(x - half, y - half, 2 * half, 2 * half);
      }
    });
  }
}

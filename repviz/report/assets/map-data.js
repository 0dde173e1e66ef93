"use strict";
// The data of the explorer: what repviz/report/map_data.py packed, and a grid over each map that
// finds points by place.

const ABSENT = 65535; // the coordinate of an image that a map lacks
const SPAN = 65534; // the largest coordinate

const fromBase64 = (text) =>
  Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

const parse = (buffer) => JSON.parse(new TextDecoder().decode(buffer));

const unpack = async (id) => {
  const bytes = fromBase64(by(id).textContent);
  by(id).remove(); // its text would stay in memory
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
};

// All low bytes, then all high bytes, as 16-bit integers.
const joined = (buffer) => {
  const half = buffer.byteLength / 2;
  const low = new Uint8Array(buffer, 0, half);
  const high = new Uint8Array(buffer, half);
  const values = new Uint16Array(half);
  for (let i = 0; i < half; i++) values[i] = low[i] | (high[i] << 8);
  return values;
};

class MapData {
  static async read() {
    const names = ["words", "ids", "points", "labels", "columns", "neighbors"];
    const blocks = await Promise.all(names.map((name) => unpack(`map-${name}`)));
    return new MapData(Object.fromEntries(names.map((name, i) => [name, blocks[i]])));
  }

  constructor(blocks) {
    Object.assign(this, parse(blocks.words));
    this.idText = blocks.ids;
    const points = joined(blocks.points);
    const { n } = this;
    this.views = this.representations.map((about, view) => ({
      ...about,
      x: points.subarray(2 * view * n, (2 * view + 1) * n),
      y: points.subarray((2 * view + 1) * n, (2 * view + 2) * n),
    }));
    this.label = new Uint32Array(blocks.labels);
    const Indices = n < ABSENT ? Uint16Array : Uint32Array;
    this.nearest = new Indices(blocks.neighbors);
    let start = 0;
    for (const column of this.columns) {
      const length = column.views ? this.views.length * n : 2 * n;
      const part = blocks.columns.slice(start, start + length);
      column.values = column.views ? new Uint8Array(part) : new Uint16Array(part);
      column.top = column.views ? 254 : 65534; // the integer of the high end; one more is missing
      start += length;
    }
    // Categories come first: the label, and the group where there is one. A value of theirs is the
    // place of a name; one more is missing.
    if (this.labels) this.columns.unshift({ name: this.label_noun, names: this.labels, values: this.label });
  }

  // The ids are read when the first is wanted: a million take longer than all else.
  get ids() {
    this.idList ??= parse(this.idText);
    return this.idList;
  }

  // What images are told apart by: the category that colours the map, or else the first.
  category(colour) {
    const coloured = this.columns[colour];
    return coloured?.names ? coloured : this.columns.find(({ names }) => names);
  }

  // The images of each name of a category.
  members(category) {
    if (!category.members) {
      category.members = category.names.map(() => []);
      category.values.forEach((name, i) => category.members[name]?.push(i));
    }
    return category.members;
  }

  // How many of `rows`, or of all images, carry each name.
  tally({ names, values }, rows) {
    const counts = new Uint32Array(names.length);
    if (rows) for (const i of rows) counts[values[i]]++;
    else for (const name of values) counts[name]++;
    return counts;
  }

  // The value of a numeric column for an image in a view; NaN where there is none.
  value(column, view, i) {
    const code = column.values[(column.views ? view * this.n : 0) + i];
    return code > column.top ? NaN : column.low + ((column.high - column.low) * code) / column.top;
  }

  // The same in words, for a category too.
  words(column, view, i) {
    return column.names ? (column.names[column.values[i]] ?? "–") : plain(this.value(column, view, i));
  }

  // The nearest images in the representation itself, as the study stored them.
  neighborsOf(view, i) {
    const at = (view * this.n + i) * this.neighbors;
    return [...this.nearest.subarray(at, at + this.neighbors)].filter((other) => other < this.n);
  }

  grid(view) {
    return (this.views[view].grid ??= new Grid(this.views[view]));
  }
}

// The points of a map in square cells of about four each.
class Grid {
  constructor({ x, y }) {
    const n = x.length;
    this.x = x;
    this.y = y;
    this.side = Math.max(1, Math.min(1024, Math.floor(Math.sqrt(n / 4))));
    this.width = (SPAN + 1) / this.side;
    this.start = new Uint32Array(this.side * this.side + 1);
    const cells = new Uint32Array(n);
    const perUnit = 1 / this.width;
    for (let i = 0; i < n; i++) {
      if (x[i] === ABSENT) continue;
      cells[i] = ((y[i] * perUnit) | 0) * this.side + ((x[i] * perUnit) | 0);
      this.start[cells[i] + 1]++;
    }
    for (let cell = 0; cell < this.start.length - 1; cell++) this.start[cell + 1] += this.start[cell];
    this.rows = new Uint32Array(this.start[this.start.length - 1]);
    const next = this.start.slice();
    for (let i = 0; i < n; i++) if (x[i] !== ABSENT) this.rows[next[cells[i]]++] = i;
  }

  cell(value) {
    return Math.max(0, Math.min(this.side - 1, Math.floor(value / this.width)));
  }

  // The `count` points nearest to a place, nearest first, at most `reach` away, without `except`.
  near(atX, atY, count, reach = Infinity, except = -1) {
    const found = []; // [squared distance, row], ascending
    let limit = reach * reach;
    const [column, row] = [this.cell(atX), this.cell(atY)];
    const visit = (cellX, cellY) => {
      if (cellX < 0 || cellY < 0 || cellX >= this.side || cellY >= this.side) return;
      const cell = cellY * this.side + cellX;
      for (let at = this.start[cell]; at < this.start[cell + 1]; at++) {
        const i = this.rows[at];
        const far = (this.x[i] - atX) ** 2 + (this.y[i] - atY) ** 2;
        if (far > limit || i === except) continue;
        let place = found.length;
        while (place > 0 && found[place - 1][0] > far) place--;
        found.splice(place, 0, [far, i]);
        if (found.length > count) found.pop();
        if (found.length === count) limit = found[count - 1][0];
      }
    };
    for (let ring = 0; ring < this.side; ring++) {
      // Nothing in this ring or beyond is nearer than what was found.
      if (ring > 0 && ((ring - 1) * this.width) ** 2 > limit) break;
      for (let down = -ring; down <= ring; down++)
        for (let across = -ring; across <= ring; across += Math.abs(down) === ring ? 1 : 2 * ring)
          visit(column + across, row + down);
    }
    return found.map(([, i]) => i);
  }

  // Marks with 1 the points inside a polygon [[x, y], ...]; the even-odd rule decides. A cell that
  // no edge meets lies inside or outside as a whole, so its centre decides for all of it.
  inside(polygon, mask) {
    const { side, width, start, rows, x, y } = this;
    const edges = polygon.map((point, i) => [...point, ...polygon[(i + 1) % polygon.length]]);
    for (let row = 0; row < side; row++) {
      const [low, high] = [row * width, (row + 1) * width];
      const near = edges.filter(([, ay, , by]) => Math.max(ay, by) >= low && Math.min(ay, by) <= high);
      const holds = (px, py) => {
        let odd = false;
        for (const [ax, ay, bx, by] of near)
          if (ay > py !== by > py && px < ax + ((py - ay) / (by - ay)) * (bx - ax)) odd = !odd;
        return odd;
      };
      const met = new Uint8Array(side);
      for (const [ax, , bx] of near) met.fill(1, this.cell(Math.min(ax, bx)), this.cell(Math.max(ax, bx)) + 1);
      for (let column = 0; column < side; column++) {
        const cell = row * side + column;
        if (start[cell] === start[cell + 1]) continue;
        const whole = !met[column] && holds((column + 0.5) * width, low + width / 2);
        if (!met[column] && !whole) continue;
        for (let at = start[cell]; at < start[cell + 1]; at++)
          if (whole || holds(x[rows[at]], y[rows[at]])) mask[rows[at]] = 1;
      }
    }
  }
}

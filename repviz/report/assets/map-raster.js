"use strict";
// Points as pixels: a raster of its own, since a canvas's paths take seconds for a million points.

const pixelOf = ([r, g, b, a]) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0; // little-endian

// The colours of the page, light or dark.
class Theme {
  constructor() {
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data];
    };
    const sample = element("i");
    document.body.append(sample);
    for (const name of ["ink", "paper", "first", "second", "muted"]) {
      sample.className = name;
      this[name] = getComputedStyle(sample).color;
    }
    sample.remove();
    const dark = rgba(this.paper)[0] < 128;
    const [r, g, b] = rgba(this.muted);
    this.grey = [r, g, b, dark ? 90 : 80];
    this.plain = rgba(this.first);
    // Golden-angle steps of one lightness: neighbours in the list differ most in hue. After 144 steps
    // the circle is closed to a degree.
    this.hues = Array.from({ length: 144 }, (_, i) =>
      rgba(`oklch(${dark ? 0.75 : 0.54} ${i % 2 ? 0.13 : 0.18} ${(i * 137.508) % 360})`),
    );
    this.categories = new Map();
    // From low to high by lightness first, so that it is read without colour, too.
    this.ramp = Array.from({ length: 256 }, (_, i) => {
      const share = i / 255;
      const light = dark ? 0.5 + 0.44 * share : 0.66 - 0.4 * share;
      return rgba(`oklch(${light} ${0.13 + 0.03 * Math.sin(share * 3.14)} ${dark ? 290 - 200 * share : 80 + 210 * share})`);
    });
  }

  // A colour for each name of a category, the last for images without one.
  of({ names }) {
    if (!this.categories.has(names)) this.categories.set(names, [...names.map((_, i) => this.hues[i % 144]), this.grey]);
    return this.categories.get(names);
  }

  // The colour of one image among others: that of its name where names colour the map.
  mark(category, i) {
    return css(category?.names ? this.of(category)[category.values[i]] : this.plain);
  }
}

const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

// What an image's colour is: an index (n,) into a table of pixels, the last entry for "missing".
const colouring = (data, theme, colour, view) => {
  const column = data.columns[colour];
  if (!column) return { codes: null, colours: [theme.plain] };
  if (column.names) return { codes: column.values, colours: theme.of(column) };
  const codes = new Uint16Array(data.n);
  const start = column.views ? view * data.n : 0;
  for (let i = 0; i < data.n; i++) {
    const code = column.values[start + i];
    codes[i] = code > column.top ? 256 : Math.round((code / column.top) * 255);
  }
  return { codes, colours: [...theme.ramp, theme.grey] };
};

// A disc: the offsets of its full pixels, and those of its rim with their opacity.
const discs = new Map();
const disc = (radius, stride) => {
  const key = `${radius} ${stride}`;
  if (!discs.has(key)) {
    const half = Math.ceil(radius);
    const [core, rim, opacity] = [[], [], []];
    for (let y = -half; y <= half; y++)
      for (let x = -half; x <= half; x++) {
        const cover = radius + 0.5 - Math.hypot(x, y);
        // The smallest discs are full pixels alone: there are very many of them.
        if (cover >= (radius < 1.5 ? 0.25 : 1) || (x === 0 && y === 0)) core.push(y * stride + x);
        else if (radius >= 1.5 && cover > 0.05) {
          rim.push(y * stride + x);
          opacity.push(Math.round(cover * 255));
        }
      }
    discs.set(key, { half, core: Int32Array.from(core), rim: Int32Array.from(rim), opacity });
  }
  return discs.get(key);
};

const over = (under, colour, opacity) => {
  const below = under >>> 24;
  if (below === 0) return ((colour & 0xffffff) | (((opacity * (colour >>> 24)) / 255) << 24)) >>> 0;
  const above = (opacity * (colour >>> 24)) / 255;
  const rest = (below * (255 - above)) / 255;
  const total = above + rest;
  const mix = (shift) => ((((colour >>> shift) & 255) * above + ((under >>> shift) & 255) * rest) / total) << shift;
  return ((mix(0) & 0xff) | (mix(8) & 0xff00) | (mix(16) & 0xff0000) | (total << 24)) >>> 0;
};

// Draws all points of a map on a canvas. Where some are selected, the others are grey and below.
class Raster {
  // `place` is {scale, left, top}: a point's pixel is left + scale x, top - scale y.
  draw(canvas, points, place, radius, { codes, colours }, theme, selection) {
    const area = this.measure(canvas, radius);
    const table = Uint32Array.from(colours, pixelOf);
    const spot = disc(radius, area.stride);
    if (selection.empty) {
      this.pixels.fill(0);
      this.stamp(points, place, area, spot, null, codes, table);
    } else {
      this.prepare(canvas, points, place, radius, theme);
      this.pixels.set(this.below);
      this.stamp(points, place, area, spot, selection.list, codes, table);
    }
    canvas.getContext("2d").putImageData(this.image, -area.pad, -area.pad);
  }

  // All points in grey, which lie below any selection: drawn once, when a lasso begins.
  prepare(canvas, { x, y }, place, radius, theme) {
    const area = this.measure(canvas, radius);
    const key = [area.stride, place.scale, place.left, place.top, radius, theme.grey].join();
    if (this.key === key && this.x === x) return;
    Object.assign(this, { key, x });
    this.pixels.fill(0);
    this.stamp({ x, y }, place, area, disc(radius, area.stride), null, null, Uint32Array.of(pixelOf(theme.grey)));
    this.below = this.pixels.slice();
  }

  measure({ width: side }, radius) {
    const pad = 2 * (Math.ceil(radius) + 1);
    const stride = side + 2 * pad;
    if (this.image?.width !== stride) {
      this.image = new ImageData(stride, stride);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    return { side, pad, stride };
  }

  // Puts down the points of `rows`, or all of them.
  stamp({ x, y }, { scale, left, top }, { side, pad, stride }, { half, core, rim, opacity }, rows, codes, table) {
    const { pixels } = this;
    const [low, high] = [-half, side + half];
    const full = core.length;
    const length = rows === null ? x.length : rows.length;
    for (let place = 0; place < length; place++) {
      const i = rows === null ? place : rows[place];
      if (x[i] === ABSENT) continue;
      const px = Math.floor(left + scale * x[i] + 0.5);
      const py = Math.floor(top - scale * y[i] + 0.5);
      if (px < low || py < low || px > high || py > high) continue;
      const at = (py + pad) * stride + px + pad;
      const colour = codes === null ? table[0] : table[codes[i]];
      for (let k = 0; k < full; k++) pixels[at + core[k]] = colour;
      for (let k = 0; k < rim.length; k++) {
        const to = at + rim[k];
        pixels[to] = over(pixels[to], colour, opacity[k]);
      }
    }
  }
}

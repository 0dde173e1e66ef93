"use strict";
// The study's decoders at work: what repviz/bottleneck/decoders.py packed, 8-bit weights with one
// factor per row. An image is PCA's reconstruction of a code plus the network's correction.

// The error function to 1.5e-7 (Abramowitz & Stegun 1964, 7.1.26).
const erf = (x) => {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
};
const gelu = (x) => (x * (1 + erf(x / Math.SQRT2))) / 2;

// Random numbers that a seed fixes (mulberry32), uniform and Gaussian.
const randoms = (seed) => {
  const uniform = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, gaussian };
};

class Dense {
  constructor(weights, scale, bias) {
    Object.assign(this, { weights, scale, bias });
  }

  apply(x) {
    const { weights, scale, bias } = this;
    const columns = x.length;
    return bias.map((shift, row) => {
      let sum = 0;
      for (let j = 0, at = row * columns; j < columns; j++) sum += weights[at + j] * x[j];
      return scale[row] * sum + shift;
    });
  }
}

class Decoders {
  static async read() {
    const names = ["words", "weights-data", "floats-data", "codes-data", "errors-data", "known-data", "known_floats-data"];
    return new Decoders(...(await Promise.all(names.map((name) => unpack(`decode-${name}`)))));
  }

  constructor(words, weights, floats, codes, errors, known, knownFloats) {
    Object.assign(this, JSON.parse(new TextDecoder().decode(words)));
    this.pixels = this.shape.reduce((product, side) => product * side);
    const parts = (array) => {
      let at = 0;
      return (length) => array.subarray(at, (at += length));
    };
    const [integers, numbers] = [parts(new Int8Array(weights)), parts(new Float32Array(floats))];
    const m = Math.max(...this.components);
    this.basis = integers(m * this.pixels);
    this.mean = numbers(this.pixels);
    this.scale = numbers(m);
    this.nets = this.sizes.map((k, place) => {
      const unit = numbers(k);
      const sides = [k, ...Array(this.layers[place] - 1).fill(this.hidden[place]), this.components[place]];
      const layers = sides.slice(1).map((rows, i) => new Dense(integers(rows * sides[i]), numbers(rows), numbers(rows)));
      const directions = this.directions[place];
      const net = { k, unit, layers, centre: numbers(k), spread: numbers(directions) };
      net.directions = Array.from({ length: directions }, () => numbers(k));
      return net;
    });
    this.codes = new Float32Array(codes);
    this.errors = new Float32Array(errors);
    this.scores = new Int8Array(known);
    const more = parts(new Float32Array(knownFloats));
    this.factors = more(m);
    this.rest = more(this.known.length);
  }

  // The code of a test image at a size, or its PCA scores.
  stored(image, place) {
    const widths = [...this.sizes, Math.max(...this.sizes)];
    const width = widths.reduce((sum, one) => sum + one);
    const start = image * width + widths.slice(0, place).reduce((sum, one) => sum + one, 0);
    return this.codes.slice(start, start + widths[place]);
  }

  // The pixels, in [0, 1], of scores on the first components.
  draw(scores) {
    const { basis, scale, pixels } = this;
    const image = this.mean.slice();
    for (let j = 0; j < Math.min(scores.length, scale.length); j++) {
      const factor = scores[j] * scale[j];
      if (factor === 0) continue;
      for (let p = 0, at = j * pixels; p < pixels; p++) image[p] += factor * basis[at + p];
    }
    return image.map((value) => Math.min(1, Math.max(0, value)));
  }

  decode(place, code) {
    const { unit, layers } = this.nets[place];
    let x = code.map((value, i) => value / unit[i]);
    layers.forEach((layer, i) => {
      x = layer.apply(x);
      if (i < layers.length - 1) x = x.map(gelu);
    });
    return this.draw(x.map((value, i) => value + (i < code.length ? code[i] : 0)));
  }

  randomCode(place, seed) {
    const { centre, spread, directions } = this.nets[place];
    const { gaussian } = randoms(seed);
    const code = centre.slice();
    directions.forEach((direction, j) => {
      const step = gaussian() * spread[j];
      for (let i = 0; i < code.length; i++) code[i] += step * direction[i];
    });
    return code;
  }

  randomPixels(seed) {
    const { uniform } = randoms(seed);
    return new Float32Array(this.pixels).map(uniform);
  }

  // The known image nearest to pixels, and the root mean square difference to it. Distances are
  // exact in the space of the components; of what these leave, the lengths alone are compared.
  nearest(image) {
    const { basis, scale, pixels, mean, scores, factors, rest } = this;
    const centred = image.map((value, p) => value - mean[p]);
    const own = scale.map((factor, j) => {
      let sum = 0;
      for (let p = 0, at = j * pixels; p < pixels; p++) sum += basis[at + p] * centred[p];
      return factor * sum;
    });
    const squared = (values) => values.reduce((sum, value) => sum + value * value, 0);
    const left = Math.max(0, squared(centred) - squared(own));
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < rest.length; i++) {
      let far = left + rest[i] ** 2;
      for (let j = 0, at = i * own.length; j < own.length; j++) far += (own[j] - scores[at + j] * factors[j]) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return { row: best, distance: Math.sqrt(least / pixels) };
  }
}

(async () => {
  const root = by("decode");
  if (!root) return;
  // Four megabytes are unpacked only once a reader comes near.
  await new Promise((near) => {
    new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && near(), { rootMargin: "600px" }).observe(root);
  });
  const decoders = await Decoders.read();
  const { shape, sizes, shown, known, near, limits, sheets, image: noun } = decoders;
  const [channels, height, width] = shape;
  const control = (name) => by(`decode-${name}`);
  const [given, nearby] = await Promise.all(sheets.map(thumbnailsOf));
  const state = { image: 0, place: sizes.length - 1, code: null, origin: null, random: "", seed: 0, moved: false };

  // ---- panels ----
  const canvases = Object.fromEntries(["given", "drawn", "pca", "near"].map((name) => [name, control(name)]));
  for (const canvas of Object.values(canvases)) [canvas.width, canvas.height] = [width, height];
  const label = (name, words) => {
    control(`${name}-said`).textContent = words;
    canvases[name].setAttribute("aria-label", words);
  };
  const paint = (name, pixels, words) => {
    const picture = new ImageData(width, height);
    const area = width * height;
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < 3; c++) picture.data[4 * p + c] = Math.round(255 * pixels[channels === 3 ? c * area + p : p]);
      picture.data[4 * p + 3] = 255;
    }
    canvases[name].getContext("2d").putImageData(picture, 0, 0);
    label(name, words);
  };
  const picture = (name, sheet, i, words) => {
    sheet.draw(canvases[name].getContext("2d"), i, 0, 0, width);
    label(name, words);
  };
  const error = (which) => {
    const value = decoders.errors[(which * sizes.length + state.place) * shown.length + state.image];
    return `, MSE ${plain(value)}`;
  };
  const visible = (...names) => {
    for (const [name, canvas] of Object.entries(canvases)) canvas.parentElement.hidden = !names.includes(name);
  };
  const verdict = (distance) => {
    if (distance > limits[1]) return `farther than a real ${noun}`;
    return distance < limits[0] ? `nearer than a new ${noun}` : `as near as a real ${noun}`;
  };

  const draw = () => {
    const k = sizes[state.place];
    const numbers = `${count(k)} number${k === 1 ? "" : "s"}`;
    let pixels;
    if (state.random === "pixels") {
      pixels = decoders.randomPixels(state.seed);
      visible("given", "near");
      paint("given", pixels, `Random pixels, draw ${state.seed}`);
    } else {
      pixels = decoders.decode(state.place, state.code);
      const moved = state.moved ? ", moved" : "";
      if (state.random) {
        visible("drawn", "near");
        paint("drawn", pixels, `Random code of ${numbers}, draw ${state.seed}${moved}`);
      } else {
        visible("given", "drawn", "pca", "near");
        picture("given", given, state.image, "Original");
        paint("drawn", pixels, `Autoencoder, ${numbers}${moved || error(0)}`);
        paint("pca", decoders.draw(decoders.stored(state.image, sizes.length).subarray(0, k)), `PCA, ${numbers}${error(1)}`);
      }
    }
    const { row, distance } = decoders.nearest(pixels);
    picture("near", nearby, near[row], `Nearest known ${noun}, ${known[row]}`);
    control("said").textContent =
      `${plain(distance)} from the nearest known ${noun}: ${verdict(distance)} ` +
      `(${plain(limits[0])} to ${plain(limits[1])}, ${decoders.source}).`;
    root.dataset.ready = "true";
  };
  let waiting = false;
  const changed = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };

  // ---- sliders along the leading directions ----
  const place = (j) => {
    const { centre, spread, directions } = decoders.nets[state.place];
    if (!spread[j]) return 0;
    return directions[j].reduce((sum, value, i) => sum + value * (state.origin[i] - centre[i]), 0) / spread[j];
  };
  const signed = (value) => `${value <= -0.05 ? "−" : value < 0.05 ? "" : "+"}${Math.abs(value).toFixed(1)}`;
  const sliders = () => {
    const { spread, directions } = decoders.nets[state.place];
    const total = spread.reduce((sum, value) => sum + value * value, 0);
    const rows = [...spread.slice(0, decoders.sliders)].map((length, j) => {
      const start = place(j);
      const reach = Math.max(3, Math.ceil(Math.abs(start)));
      const input = element("input", "", { type: "range", min: -reach, max: reach, step: 0.1, value: start });
      const output = element("output", signed(start));
      input.addEventListener("input", () => {
        output.textContent = signed(Number(input.value));
        const steps = inputs.map((one, at) => (one === input || one.dataset.moved ? (Number(one.value) - place(at)) * spread[at] : 0));
        input.dataset.moved = "true";
        state.code = state.origin.map((value, i) => steps.reduce((sum, step, at) => sum + step * directions[at][i], value));
        state.moved = true;
        if (state.random === "pixels") state.random = "";
        changed();
      });
      const share = ((100 * length * length) / (total || 1)).toFixed(0);
      const line = element("label", "");
      line.append(element("span", `Direction ${j + 1} (${share} %)`), input, output);
      return { line, input };
    });
    const inputs = rows.map(({ input }) => input);
    control("sliders").replaceChildren(...rows.map(({ line }) => line));
  };

  // ---- what can be done ----
  const start = () => {
    state.origin = state.random === "code" ? decoders.randomCode(state.place, state.seed) : decoders.stored(state.image, state.place);
    state.code = state.origin;
    state.moved = false;
    sliders();
    changed();
  };
  const random = (kind) => {
    state.seed++;
    state.random = kind;
    start();
  };
  control("image").append(...shown.map((id, i) => element("option", id, { value: i })));
  control("image").addEventListener("change", ({ target }) => {
    Object.assign(state, { image: Number(target.value), random: "" });
    start();
  });
  const slider = control("size");
  slider.max = sizes.length - 1;
  slider.value = state.place;
  const size = () => {
    const words = `${count(sizes[state.place])} numbers`;
    control("size-said").textContent = words;
    slider.setAttribute("aria-valuetext", words);
  };
  slider.addEventListener("input", () => {
    state.place = Number(slider.value);
    if (state.random === "pixels") state.random = "";
    size();
    start();
  });
  control("pixels").addEventListener("click", () => random("pixels"));
  control("code").addEventListener("click", () => random("code"));
  control("reset").addEventListener("click", () => {
    state.random = "";
    start();
  });
  size();
  start();
})();

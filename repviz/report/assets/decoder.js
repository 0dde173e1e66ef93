"use strict";
// The study's decoders at work: what repviz/bottleneck/decoders.py packed, 8-bit weights with one
// factor per row. An image is PCA's reconstruction of a code plus the network's correction.

const SELECTED = 6; // images of a selection that are reconstructed beside the map

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
    const names = ["words", "weights", "floats", "codes", "errors", "known", "known_floats"];
    return new Decoders(...(await Promise.all(names.map((name) => unpack(`decode-${name}`)))));
  }

  constructor(words, weights, floats, codes, errors, known, knownFloats) {
    Object.assign(this, parse(words));
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

// Without decoders in the page: the rows of the selected images in its section of reconstructions.
const copyReconstructions = () => {
  const table = document.querySelector("#reconstructions table");
  const rows = [...document.querySelectorAll("#reconstructions tbody")];
  if (rows.length === 0) return;
  on(document, "imageselection", ({ detail: { empty, mask } }) => {
    const chosen = rows.filter((row) => mask[row.dataset.row]);
    const cut = table.cloneNode(); // without its content
    cut.append(...[table.tHead, ...chosen].map((part) => part.cloneNode(true)));
    by("map-drawn").hidden = empty;
    say("map-drawn-said", `Of the ${rows.length} images listed as reconstructed, the selection holds ${chosen.length}.`);
    by("map-drawn-pictures").replaceChildren(...(chosen.length > 0 ? [cut] : []));
  });
};

(async () => {
  const root = by("decode");
  if (!root) return copyReconstructions();
  // Four megabytes are unpacked only once a reader comes near, or selects images on the map.
  let selection = { empty: true };
  let selected = () => {};
  await new Promise((wanted) => {
    new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && wanted(), { rootMargin: "600px" }).observe(root);
    on(document, "imageselection", ({ detail }) => {
      selection = detail;
      by("map-drawn").hidden = selection.empty;
      selected();
      if (!selection.empty) wanted();
    });
  });
  const decoders = await Decoders.read();
  const { shape, sizes, shown, rows, known, near, limits, sheets, image: noun, images } = decoders;
  const [channels, height, width] = shape;
  const control = (name) => by(`decode-${name}`);
  const [given, nearby] = await Promise.all(sheets.map(thumbnailsOf));
  const state = { image: 0, place: sizes.length - 1, code: null, origin: null, random: "", seed: 0, moved: false };

  // ---- panels ----
  const canvases = Object.fromEntries(["given", "drawn", "pca", "near"].map((name) => [name, control(name)]));
  const label = (name, words) => {
    say(`decode-${name}-said`, words);
    canvases[name].ariaLabel = words;
  };
  const put = (canvas, pixels, left = 0) => {
    const picture = new ImageData(width, height);
    const area = width * height;
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < 3; c++) picture.data[4 * p + c] = Math.round(255 * pixels[channels === 3 ? c * area + p : p]);
      picture.data[4 * p + 3] = 255;
    }
    canvas.getContext("2d").putImageData(picture, left, 0);
  };
  const paint = (name, pixels, words) => {
    put(canvases[name], pixels);
    label(name, words);
  };
  const picture = (name, sheet, i, words) => {
    sheet.draw(canvases[name].getContext("2d"), i, 0, 0, width);
    label(name, words);
  };
  const error = (which, image) => plain(decoders.errors[(which * sizes.length + state.place) * shown.length + image]);
  const linear = (image) => decoders.draw(decoders.stored(image, sizes.length).subarray(0, sizes[state.place]));
  const visible = (...names) => {
    for (const [name, canvas] of Object.entries(canvases)) canvas.parentElement.hidden = !names.includes(name);
  };
  const verdict = (distance) => {
    if (distance > limits[1]) return `farther than a real ${noun}`;
    return distance < limits[0] ? `nearer than a new ${noun}` : `in the range of real ${images}, which alone makes no ${noun}`;
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
        paint("drawn", pixels, `Autoencoder, ${numbers}${moved || `, MSE ${error(0, state.image)}`}`);
        paint("pca", linear(state.image), `PCA, ${numbers}, MSE ${error(1, state.image)}`);
      }
    }
    const { row, distance } = decoders.nearest(pixels);
    picture("near", nearby, near[row], `Nearest known ${noun}, ${known[row]}`);
    const range = `${plain(limits[0])} to ${plain(limits[1])}, ${decoders.source}`;
    say("decode-said", `${plain(distance)} from the nearest known ${noun}: ${verdict(distance)} (${range}).`);
    root.dataset.ready = "true";
  };

  const waiting = new Set();
  const changed = (part) => {
    if (waiting.size === 0)
      requestAnimationFrame(() => {
        const parts = [...waiting];
        waiting.clear();
        for (const one of parts) one();
      });
    waiting.add(part);
  };

  // ---- the images that are selected on the map ----
  const drawSelection = () => {
    const chosen = [...shown.keys()].filter((image) => selection.mask[rows[image]]);
    const drawn = chosen.slice(0, SELECTED).map((image) => {
      const ariaLabel = `${shown[image]}: original, autoencoder, PCA`;
      const canvas = element("canvas", { width: 3 * width + 4, height, role: "img", ariaLabel });
      given.draw(canvas.getContext("2d"), image, 0, 0, width);
      put(canvas, decoders.decode(state.place, decoders.stored(image, state.place)), width + 2);
      put(canvas, linear(image), 2 * width + 4);
      return element("figure", {}, canvas, element("figcaption", {}, `${shown[image]}: MSE ${error(0, image)}, PCA ${error(1, image)}`));
    });
    const rest = chosen.length - drawn.length;
    const held = `the selection holds ${chosen.length} of the ${shown.length} test ${images} with codes in the page`;
    say("map-drawn-said", `Original, autoencoder, PCA: ${held}${rest > 0 ? `, ${rest} more than are shown` : ""}.`);
    by("map-drawn-pictures").replaceChildren(...drawn);
  };
  selected = () => {
    if (!selection.empty) changed(drawSelection);
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
    const inputs = [];
    const lines = [...spread.slice(0, decoders.sliders)].map((length, j) => {
      const start = place(j);
      const reach = Math.max(3, Math.ceil(Math.abs(start)));
      const input = element("input", { type: "range", min: -reach, max: reach, step: 0.1, value: start });
      const output = element("output", {}, signed(start));
      inputs.push(input);
      on(input, "input", () => {
        output.textContent = signed(Number(input.value));
        const steps = inputs.map((one, at) => (one === input || one.dataset.moved ? (Number(one.value) - place(at)) * spread[at] : 0));
        input.dataset.moved = "true";
        state.code = state.origin.map((value, i) => steps.reduce((sum, step, at) => sum + step * directions[at][i], value));
        state.moved = true;
        if (state.random === "pixels") state.random = "";
        changed(draw);
      });
      const share = ((100 * length * length) / (total || 1)).toFixed(0);
      return element("label", {}, element("span", {}, `Direction ${j + 1} (${share} %)`), input, output);
    });
    control("sliders").replaceChildren(...lines);
  };

  // ---- what can be done ----
  const start = () => {
    state.origin = state.random === "code" ? decoders.randomCode(state.place, state.seed) : decoders.stored(state.image, state.place);
    state.code = state.origin;
    state.moved = false;
    sliders();
    changed(draw);
  };
  const click = (name, random, step) =>
    on(control(name), "click", () => {
      Object.assign(state, { random, seed: state.seed + step });
      start();
    });
  click("pixels", "pixels", 1);
  click("code", "code", 1);
  click("reset", "", 0);
  on(control("image"), "change", ({ target }) => {
    Object.assign(state, { image: Number(target.value), random: "" });
    start();
  });
  // The size is chosen here, or beside the map for the images that are selected there.
  const slider = control("size");
  const choice = element("select", {}, ...sizes.map((k, value) => element("option", { value }, k)));
  by("map-drawn-size")?.append(element("label", {}, "Code size ", choice));
  const resize = (place) => {
    const words = `${count(sizes[place])} numbers`;
    state.place = place;
    slider.value = choice.value = place;
    say("decode-size-said", words);
    slider.ariaValueText = words;
    if (state.random === "pixels") state.random = "";
    start();
    selected();
  };
  for (const one of [slider, choice]) on(one, "input", () => resize(Number(one.value)));
  resize(state.place);
})();

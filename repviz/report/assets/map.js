"use strict";
// The map: images as points on a canvas, drawn by a raster of its own, linked over all
// representations. Data come from two blocks in the page (zlib in base64); text goes in as text.
(async () => {
  const by = (id) => document.getElementById(id);
  const canvas = by("map-canvas");
  if (!canvas) return;

  const ABSENT = 65535;
  const SPAN = 65534;
  const MANY = 20000; // images from which on the map does not animate and small maps do not follow

  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(by(id).textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  };
  const points = new Uint16Array(await unpack("map-points"));
  const words = JSON.parse(new TextDecoder().decode(await unpack("map-words")));
  const sheet = by("map-sheet");
  await sheet.decode();

  const n = words.ids.length;
  const names = words.labels ? [...new Set(words.labels)] : [""];
  const number = new Map(names.map((name, i) => [name, i]));
  const label = Int32Array.from({ length: n }, (_, i) => (words.labels ? number.get(words.labels[i]) : 0));
  const members = names.map(() => []); // the images of each label
  label.forEach((name, i) => members[name].push(i));
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  const state = {
    view: words.representations.length - 1, // which representation is shown
    image: -1, // the image pointed at
    group: -1, // the label whose images stand out
    pinned: false, // by a click
    coloured: names.length > 1,
    zoom: { scale: 1, x: 0.5, y: 0.5 }, // of the large map: magnification, and the point at its middle
    pictures: false,
  };
  const target = (view) =>
    Float32Array.from({ length: 2 * n }, (_, i) => {
      const value = points[view * 2 * n + i];
      return value === ABSENT ? NaN : value / SPAN;
    });
  let now = target(state.view); // where the points are drawn, also in between two maps

  // ---- colours -----------------------------------------------------------------------------
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    probe.clearRect(0, 0, 1, 1);
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    return probe.getImageData(0, 0, 1, 1).data;
  };
  let theme, hues;
  const readTheme = () => {
    const style = (name) => {
      const swatch = document.createElement("i");
      swatch.className = name;
      document.body.append(swatch);
      const colour = getComputedStyle(swatch).color;
      swatch.remove();
      return colour;
    };
    theme = { ink: style("ink"), paper: style("paper"), first: style("first"), muted: style("muted") };
    const dark = rgb(theme.paper)[0] < 128;
    // Golden-angle steps of one lightness: neighbours in the list differ most in hue.
    hues = names.map((_, i) =>
      rgb(`oklch(${dark ? 0.75 : 0.54} ${i % 2 ? 0.13 : 0.18} ${(i * 137.508) % 360})`),
    );
  };

  // ---- drawing -----------------------------------------------------------------------------
  // A disc with a soft rim, as coverage per pixel.
  const discs = new Map();
  const disc = (radius) => {
    if (!discs.has(radius)) {
      const half = Math.ceil(radius);
      const side = 2 * half + 1;
      const cover = new Float32Array(side * side);
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++)
          cover[y * side + x] = Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x - half, y - half)));
      discs.set(radius, { half, side, cover });
    }
    return discs.get(radius);
  };
  const stamp = (raster, centreX, centreY, radius, colour, strength) => {
    const { half, side, cover } = disc(radius);
    const { data, width, height } = raster;
    const left = Math.round(centreX) - half;
    const top = Math.round(centreY) - half;
    for (let y = 0; y < side; y++) {
      if (top + y < 0 || top + y >= height) continue;
      for (let x = 0; x < side; x++) {
        const alpha = cover[y * side + x] * strength;
        if (alpha === 0 || left + x < 0 || left + x >= width) continue;
        const at = 4 * ((top + y) * width + left + x);
        const under = data[at + 3] / 255;
        const over = alpha + under * (1 - alpha);
        for (let c = 0; c < 3; c++)
          data[at + c] = (colour[c] * alpha + data[at + c] * under * (1 - alpha)) / over;
        data[at + 3] = 255 * over;
      }
    }
  };
  const WHOLE = { scale: 1, x: 0.5, y: 0.5 };
  const place = (where, size, margin, { scale, x, y } = WHOLE) => (i) => [
    size / 2 + (where[2 * i] - x) * scale * (size - 2 * margin),
    size / 2 - (where[2 * i + 1] - y) * scale * (size - 2 * margin),
  ];
  const fit = (one, size) => {
    const pixels = Math.max(1, Math.round(size * window.devicePixelRatio));
    if (one.width !== pixels) one.width = one.height = pixels;
    return pixels;
  };
  const face = (context, i, x, y, width) => {
    const { columns, width: w, height: h } = words.sheet;
    context.drawImage(sheet, (i % columns) * w, Math.floor(i / columns) * h, w, h, x, y, width, (width * h) / w);
  };

  // All points, drawn once per view, size, zoom and theme. Hovering only copies this picture.
  const rasters = new Map();
  const raster = (one, pixels, where, radius, margin, zoom) => {
    const key = `${pixels} ${radius} ${margin} ${state.coloured} ${zoom.scale} ${zoom.x} ${zoom.y}`;
    const known = rasters.get(one);
    if (known?.key === key && known.where === where) return known.canvas;
    const drawn = known?.canvas ?? document.createElement("canvas");
    drawn.width = drawn.height = pixels;
    const context = drawn.getContext("2d");
    const image = context.createImageData(pixels, pixels);
    const spot = place(where, pixels, margin, zoom);
    const plain = rgb(names.length > 1 ? theme.muted : theme.first);
    for (let i = 0; i < n; i++) {
      if (Number.isNaN(where[2 * i])) continue;
      const [x, y] = spot(i);
      stamp(image, x, y, radius, state.coloured ? hues[label[i]] : plain, 0.85);
    }
    context.putImageData(image, 0, 0);
    rasters.set(one, { key, where, canvas: drawn });
    return drawn;
  };

  // The picture of all points, pale where some stand out, and those in full on top of it.
  const paint = (one, size, where, radius, margin = radius * 2.5, zoom = WHOLE) => {
    const pixels = fit(one, size);
    const context = one.getContext("2d");
    const spot = place(where, pixels, margin, zoom);
    const chosen = state.group >= 0 && names.length > 1;
    context.clearRect(0, 0, pixels, pixels);
    context.globalAlpha = chosen ? 0.3 : 1;
    context.drawImage(raster(one, pixels, where, radius, margin, zoom), 0, 0);
    context.globalAlpha = 1;
    if (chosen) {
      context.fillStyle = state.coloured ? `rgb(${[...hues[state.group]].slice(0, 3)})` : theme.ink;
      context.beginPath();
      for (const i of members[state.group]) {
        if (Number.isNaN(where[2 * i])) continue;
        const [x, y] = spot(i);
        context.moveTo(x + radius * 1.35, y);
        context.arc(x, y, radius * 1.35, 0, 7);
      }
      context.fill();
    }
    return { context, spot, pixels };
  };

  const side = () => canvas.clientWidth;
  const radius = () => Math.max(0.8, Math.min(5, 120 / Math.sqrt(n))) * window.devicePixelRatio;
  const edge = () => Math.max(18, Math.min(44, (side() * 1.1) / Math.sqrt(n))) * window.devicePixelRatio;
  const margin = () => (state.pictures ? edge() * 0.7 : radius() * 2.5);

  const drawMap = () => {
    const { context, spot, pixels } = paint(canvas, side(), now, radius(), margin(), state.zoom);
    const chosen = state.group >= 0 && names.length > 1;
    if (state.pictures) {
      context.clearRect(0, 0, pixels, pixels);
      for (const front of [false, true])
        for (let i = 0; i < n; i++) {
          if (Number.isNaN(now[2 * i]) || (chosen && label[i] === state.group) !== front) continue;
          const [x, y] = spot(i);
          const width = edge() * (front ? 1.25 : 1);
          const height = (width * words.sheet.height) / words.sheet.width;
          context.globalAlpha = chosen && !front ? 0.16 : 1;
          face(context, i, x - width / 2, y - height / 2, width);
          if (front || (state.coloured && !chosen)) {
            context.lineWidth = 2 * window.devicePixelRatio;
            context.strokeStyle = `rgb(${[...hues[label[i]]].slice(0, 3)})`;
            context.strokeRect(x - width / 2, y - height / 2, width, height);
          }
        }
      context.globalAlpha = 1;
    }
    if (state.image >= 0 && !Number.isNaN(now[2 * state.image])) {
      const [x, y] = spot(state.image);
      context.strokeStyle = theme.ink;
      context.lineWidth = 2 * window.devicePixelRatio;
      context.beginPath();
      context.arc(x, y, (state.pictures ? edge() * 0.75 : radius() * 1.35) + 3 * window.devicePixelRatio, 0, 7);
      context.stroke();
    }
    drawCard(spot);
  };

  // ---- the picture beside the pointer --------------------------------------------------------
  const card = by("map-card");
  const picture = by("map-face");
  const drawCard = (spot) => {
    card.hidden = state.image < 0 || Number.isNaN(now[2 * state.image]);
    if (card.hidden) return;
    const [x, y] = spot(state.image).map((value) => value / window.devicePixelRatio);
    const left = x > side() / 2 ? x - card.offsetWidth - 16 : x + 16;
    const top = Math.max(0, Math.min(side() - card.offsetHeight, y - card.offsetHeight / 2));
    card.style.transform = `translate(${left}px, ${top}px)`;
  };
  const thumbnail = (one, i) => {
    one.width = words.sheet.width;
    one.height = words.sheet.height;
    face(one.getContext("2d"), i, 0, 0, words.sheet.width);
  };

  // ---- the small maps, which are the buttons ---------------------------------------------------
  const views = words.representations.map(({ name }, view) => {
    const button = document.createElement("button");
    button.type = "button";
    const small = document.createElement("canvas");
    small.setAttribute("aria-hidden", "true");
    const title = document.createElement("span");
    title.textContent = name;
    button.append(small, title);
    button.addEventListener("click", () => show(view));
    by("map-views").append(button);
    return { button, small, where: target(view) };
  });
  const drawViews = () => {
    for (const { small, where } of views)
      paint(small, small.clientWidth, where, Math.max(0.6, 1.6 * window.devicePixelRatio));
  };

  // ---- what the page says ------------------------------------------------------------------------
  const strip = by("map-strip");
  const said = by("map-said");
  const choice = by("map-label");
  const describe = () => {
    const { image, group } = state;
    const name = group >= 0 && names.length > 1 ? names[group] : "";
    said.textContent =
      image >= 0
        ? `Image ${words.ids[image]}${name ? `, ${words.label_noun} ${name}` : ""}${state.pinned ? " (pinned; Escape unpins)" : ""}`
        : name
          ? `All images of ${name}`
          : "Point at an image.";
    by("map-name").textContent = image >= 0 ? words.ids[image] : "";
    if (image >= 0) thumbnail(picture, image);
    if (choice) choice.value = name ? String(group) : "";
  };
  let filled = -2;
  const fillStrip = () => {
    if (state.group !== filled) {
      filled = state.group;
      const others = [];
      for (let i = 0; i < n && others.length < 30 && names.length > 1; i++)
        if (label[i] === state.group) others.push(i);
      strip.replaceChildren(
        ...others.map((i) => {
          const button = document.createElement("button");
          button.type = "button";
          button.dataset.image = i;
          button.setAttribute("aria-label", `Image ${words.ids[i]}`);
          const one = document.createElement("canvas");
          thumbnail(one, i);
          button.append(one);
          button.addEventListener("click", () => point(i, true));
          return button;
        }),
      );
    }
    for (const button of strip.children)
      if (Number(button.dataset.image) === state.image) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
  };

  // ---- doing -----------------------------------------------------------------------------------
  const draw = () => {
    drawMap();
    drawViews();
  };
  const point = (image, pinned = false, group = image >= 0 ? label[image] : -1) => {
    if (image === state.image && pinned === state.pinned && group === state.group) return;
    const regroup = group !== state.group;
    Object.assign(state, { image, pinned, group });
    describe();
    fillStrip();
    drawMap();
    if (regroup) drawViews();
  };
  const show = (view) => {
    state.view = view;
    const { name, note } = words.representations[view];
    by("map-note").textContent = note ? `${name}: ${note}` : name;
    canvas.setAttribute("aria-label", `Map of the images, ${name}`);
    views.forEach(({ button }, i) => button.setAttribute("aria-pressed", String(i === view)));
    const from = now;
    const to = views[view].where;
    if (calm || n > MANY) {
      now = to;
      return drawMap();
    }
    const start = performance.now();
    const step = (time) => {
      if (state.view !== view) return;
      const share = Math.min(1, Math.max(0, (time - start) / 700));
      const eased = share * share * (3 - 2 * share);
      now = share === 1 ? to : to.map((end, i) => (Number.isNaN(from[i]) ? end : from[i] + (end - from[i]) * eased));
      drawMap();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  };
  // The image nearest to a place, among those that `allowed` lets through.
  const nearest = (x, y, allowed) => {
    const spot = place(now, side(), margin() / window.devicePixelRatio, state.zoom);
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < n; i++) {
      const [px, py] = spot(i);
      const cost = allowed(px - x, py - y);
      if (cost < least) [best, least] = [i, cost];
    }
    return best;
  };
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    const reach = event.pointerType === "mouse" ? 22 : 40;
    return nearest(event.clientX - box.left, event.clientY - box.top, (dx, dy) => {
      const far = Math.hypot(dx, dy);
      return far < reach ? far : Infinity;
    });
  };
  const walk = (dirX, dirY) => {
    const spot = place(now, side(), margin() / window.devicePixelRatio, state.zoom);
    const [x, y] = state.image >= 0 ? spot(state.image) : [side() / 2, side() / 2];
    const next = nearest(x, y, (dx, dy) => {
      const along = dx * dirX + dy * dirY;
      const across = Math.abs(dx * dirY) + Math.abs(dy * dirX);
      return along > 0.5 && across <= along ? along + across : Infinity;
    });
    if (next >= 0) point(next, true);
  };

  // ---- zoom and pan ------------------------------------------------------------------------------
  const zoomBy = (factor, atX = side() / 2, atY = side() / 2) => {
    const { scale, x, y } = state.zoom;
    const next = Math.min(64, Math.max(1, scale * factor));
    const span = side() - (2 * margin()) / window.devicePixelRatio;
    const shift = (1 / scale - 1 / next) / span; // what is under (atX, atY) stays there
    state.zoom =
      next === 1
        ? WHOLE
        : { scale: next, x: x + (atX - side() / 2) * shift, y: y - (atY - side() / 2) * shift };
    drawMap();
  };
  canvas.addEventListener(
    "wheel",
    (event) => {
      // A page scrolls over a map that nobody has taken hold of.
      if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      zoomBy(2 ** (-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );
  for (const [id, factor] of [["map-closer", 2], ["map-farther", 0.5], ["map-all", 0]])
    by(id).addEventListener("click", () => zoomBy(factor));
  let dragged = false;
  canvas.addEventListener("pointerdown", () => (dragged = false));

  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons === 1 && state.zoom.scale > 1) {
      const span = (side() - (2 * margin()) / window.devicePixelRatio) * state.zoom.scale;
      const { scale, x, y } = state.zoom;
      state.zoom = { scale, x: x - event.movementX / span, y: y + event.movementY / span };
      dragged ||= Math.hypot(event.movementX, event.movementY) > 1;
      return drawMap();
    }
    if (!state.pinned) point(under(event));
  });
  canvas.addEventListener("pointerleave", () => {
    if (!state.pinned) point(-1);
  });
  canvas.addEventListener("click", (event) => {
    if (dragged) return;
    const image = under(event);
    point(image, image >= 0);
  });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in steps) walk(...steps[event.key]);
    else if (event.key === "Escape") point(-1);
    else if (event.key === "+") zoomBy(2);
    else if (event.key === "-") zoomBy(0.5);
    else if (event.key === "0") zoomBy(0);
    else return;
    event.preventDefault();
  });
  const toggle = (id, key) => {
    const button = by(id);
    button?.addEventListener("click", () => {
      state[key] = !state[key];
      button.setAttribute("aria-pressed", String(state[key]));
      draw();
    });
  };
  toggle("map-images", "pictures");
  toggle("map-colours", "coloured");
  if (choice) {
    const order = names.map((_, i) => i).sort((a, b) => names[a].localeCompare(names[b], "en", { numeric: true }));
    order.forEach((i) => {
      const name = names[i];
      const option = document.createElement("option");
      option.value = String(i);
      option.textContent = name;
      choice.append(option);
    });
    choice.addEventListener("change", () =>
      point(-1, choice.value !== "", choice.value === "" ? -1 : Number(choice.value)),
    );
  }
  by("map-images").hidden = n > 5000;

  // ---- search and export -------------------------------------------------------------------------
  const lower = words.ids.map((id, i) => `${id}\n${words.labels?.[i] ?? ""}`.toLowerCase());
  by("map-search").addEventListener("input", (event) => {
    const sought = event.target.value.trim().toLowerCase();
    const hit = sought ? lower.findIndex((text) => text.includes(sought)) : -1;
    point(hit, hit >= 0);
    if (sought && hit < 0) said.textContent = "No image has this in its id or label.";
  });
  // A cell that a spreadsheet would take for a formula gets an apostrophe in front.
  const cell = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;
  by("map-csv").addEventListener("click", () => {
    const chosen = state.group >= 0 && names.length > 1 ? members[state.group] : lower.map((_, i) => i);
    const { where } = views[state.view];
    const lines = chosen.map((i) =>
      [cell(words.ids[i]), cell(words.labels?.[i] ?? ""), where[2 * i], where[2 * i + 1]].join(","),
    );
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([["id,label,x,y", ...lines, ""].join("\n")], { type: "text/csv" }));
    link.download = "selection.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  document.addEventListener("themechange", () => {
    rasters.clear();
    readTheme();
    draw();
  });
  // Escape unpins, wherever the focus is.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.pinned) point(-1);
  });
  new ResizeObserver(draw).observe(canvas);

  readTheme();
  describe();
  show(state.view);
  draw();
  by("map-missing").remove();
  canvas.dataset.ready = "true";
})();

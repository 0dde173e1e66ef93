"use strict";
// The explorer: what a reader does, and what is drawn again after it, once per animation frame.
(async () => {
  if (!by("map-canvas")) return;
  const data = await MapData.read();
  const thumbnails = data.sheet && (await thumbnailsOf(["thumbnails", data.sheet]));
  const state = {
    view: data.views.length - 1,
    hover: -1, // the image under the pointer
    pin: -1, // the image that was clicked
    colour: Number(by("map-colour").value), // the place of a column, -1 for none
    zoom: WHOLE,
    images: false,
    names: true,
    lasso: false,
    path: [], // of the lasso while it is drawn, in the map's units
    selection: new Selection(data.n),
  };
  let theme = new Theme();
  const map = new LargeMap(data, thumbnails, state);
  const { canvas } = map;
  const panel = new Panel(data, thumbnails, state, (i) => pin(i));
  const small = new SmallMaps(data, state, (view) => show(view));

  // ---- drawing: what changed is noted, and drawn in the next frame ----
  const stale = new Set();
  const changed = (...parts) => {
    if (stale.size === 0) requestAnimationFrame(draw);
    for (const part of parts) stale.add(part);
  };
  const focus = () => (state.hover >= 0 ? state.hover : state.pin);
  const around = () => {
    const image = focus();
    if (image < 0) return { focus: -1, peers: [], near: [] };
    const category = data.category(state.colour);
    const members = (category && data.members(category)[category.values[image]]) ?? [];
    const { x, y } = data.views[state.view];
    const there = data.neighbors > 0 && x[image] !== ABSENT;
    return {
      focus: image,
      peers: members.length <= PEERS ? members : [],
      near: there ? data.grid(state.view).near(x[image], y[image], data.neighbors, Infinity, image) : [],
    };
  };
  const draw = () => {
    const parts = new Set(stale);
    stale.clear();
    if (parts.has("map")) map.draw(theme);
    if (parts.has("small")) small.draw(theme);
    if (parts.has("selection")) {
      panel.selection();
      document.dispatchEvent(new CustomEvent("imageselection", { detail: state.selection }));
    }
    if (parts.has("values")) panel.tables();
    const marks = around();
    map.mark(theme, marks);
    small.mark(theme, marks);
    if (parts.has("focus")) panel.focus(marks.focus, marks.near, theme);
    panel.card(map, marks.focus);
    canvas.dataset.ready = "true";
  };

  // ---- what can be done ----
  const hover = (image) => {
    if (image === state.hover) return;
    state.hover = image;
    changed("focus");
  };
  const pin = (image) => {
    state.pin = image;
    changed("focus");
    reveal(image);
    write();
  };
  // What is found or stepped to beyond the edge of the map comes to its middle.
  const reveal = (image) => map.reveal(image) && changed("map");
  const select = () => {
    if (data.labels) by("map-label").value = "";
    changed("map", "small", "selection");
    write();
  };
  const pick = (rows) => {
    state.selection.pick(rows);
    select();
  };
  const show = (view) => {
    state.view = view;
    const { name, note } = data.views[view];
    say("map-note", note ? `${name}: ${note}` : name);
    canvas.ariaLabel = `Map of the images, ${name}`;
    small.maps.forEach(({ button }, i) => (button.ariaPressed = i === view));
    map.morph(view, () => changed("map", "focus"));
    changed("values");
    write();
  };
  const recolour = (colour) => {
    state.colour = colour;
    by("map-names").hidden = !named(data, colour);
    panel.scale(theme);
    panel.mix();
    changed("map", "small", "focus");
  };

  // ---- the address holds selection, view and pin ----
  let waiting = 0;
  const write = () => {
    clearTimeout(waiting); // what is seen comes first: a large selection makes a long address
    waiting = setTimeout(writeNow, 100);
  };
  const writeNow = () => {
    if (state.selection.empty && state.pin < 0) {
      if (location.hash.startsWith("#map?")) replace("#map");
      return;
    }
    const fields = { key: data.key, view: state.view, rows: state.selection.encode() };
    if (state.pin >= 0) fields.pin = state.pin;
    replace(`#map?${new URLSearchParams(fields)}`);
  };
  let address = ""; // of the selection, also where the page itself has none
  const replace = (hash) => {
    address = hash;
    try {
      history.replaceState(null, "", hash);
    } catch {
      // A frame without an address of its own, as in a notebook.
    }
    say("map-link", "Copy link");
  };
  const read = () => {
    if (!location.hash.startsWith("#map?")) return false;
    const fields = new URLSearchParams(location.hash.slice(5));
    const mask = fields.get("key") === data.key ? Selection.decode(fields.get("rows") ?? "", data.n) : null;
    if (!mask) {
      say("map-said", "The selection in the address is of another report.");
      return false;
    }
    const [view, pinned] = [Number(fields.get("view")), Number(fields.get("pin") ?? -1)];
    if (view in data.views) state.view = view;
    if (Number.isInteger(pinned) && pinned < data.n) state.pin = pinned;
    state.selection.replace(mask);
    by("map").scrollIntoView();
    return true;
  };

  // ---- pointer, touch and wheel ----
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const under = (event) => map.pick(...place(event), event.pointerType === "mouse" ? 18 : 32);
  const pointers = new Map(); // id -> place on the canvas
  let gesture = ""; // "", "pan", "lasso" or "pinch"
  let moved = 0; // CSS pixels since the pointer went down
  on(canvas, "pointerdown", (event) => {
    if (event.button !== 0) return; // a menu may open, and swallow what follows
    pointers.set(event.pointerId, place(event));
    moved = 0;
    gesture = pointers.size > 1 ? "pinch" : state.lasso || event.shiftKey ? "lasso" : "pan";
    state.path = gesture === "lasso" ? [map.toMap(...place(event))] : [];
    if (gesture === "lasso") for (const one of [map, small]) one.prepare(theme);
    canvas.setPointerCapture(event.pointerId);
  });
  on(canvas, "pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return hover(under(event));
    const now = place(event);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    moved += Math.hypot(dx, dy);
    if (moved > 6) hover(-1);
    pointers.set(event.pointerId, now);
    if (gesture === "lasso") {
      state.path.push(map.toMap(...now));
      changed("marks");
    } else if (gesture === "pinch" && pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (one) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
      map.zoomBy(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      if (state.zoom.scale > 1) map.panBy(dx / 2, dy / 2);
      changed("map");
    } else if (state.zoom.scale > 1) {
      map.panBy(dx, dy);
      changed("map");
    }
  });
  const up = (event) => {
    pointers.delete(event.pointerId);
    if (gesture === "lasso" && moved > 6) {
      const mask = event.ctrlKey || event.metaKey ? state.selection.mask.slice() : new Uint8Array(data.n);
      data.grid(state.view).inside(state.path, mask);
      state.selection.replace(mask);
      select();
    } else if (gesture !== "pinch" && moved <= 6 && event.type === "pointerup") {
      const image = under(event);
      if (event.shiftKey && image >= 0) {
        state.selection.toggle(image);
        select();
      } else pin(image);
    }
    state.path = [];
    if (pointers.size === 0) gesture = "";
    changed("marks");
  };
  on(canvas, "pointerup", up);
  on(canvas, "pointercancel", up);
  on(canvas, "pointerleave", () => hover(-1));
  on(canvas, "wheel", (event) => {
    // A page scrolls over a map that nobody has taken hold of.
    if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    map.zoomBy(2 ** (-event.deltaY / 300), ...place(event));
    changed("map");
  });

  // ---- keys ----
  const zoom = (factor) => {
    map.zoomBy(factor);
    changed("map");
  };
  const step = (x, y) => {
    const next = map.next(focus(), x, y);
    if (next < 0) return;
    hover(next);
    reveal(next);
  };
  const keys = {
    ArrowLeft: () => step(-1, 0),
    ArrowRight: () => step(1, 0),
    ArrowUp: () => step(0, -1),
    ArrowDown: () => step(0, 1),
    Enter: () => pin(focus()),
    " ": () => {
      if (focus() < 0) return;
      state.selection.toggle(focus());
      select();
    },
    "+": () => zoom(2),
    "-": () => zoom(0.5),
    0: () => zoom(0),
  };
  on(canvas, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    keys[event.key]();
    event.preventDefault();
  });
  on(canvas, "blur", () => hover(-1));
  on(document, "keydown", ({ key }) => {
    if (key !== "Escape") return;
    if (state.pin >= 0) pin(-1);
    else pick([]);
  });

  // ---- controls ----
  const click = (name, work) => on(by(`map-${name}`), "click", work);
  const toggle = (name, then) =>
    click(name, ({ target }) => {
      state[name] = !state[name];
      target.ariaPressed = state[name];
      then();
    });
  toggle("images", () => changed("map"));
  toggle("names", () => changed("map"));
  toggle("lasso", () => canvas.classList.toggle("lasso", state.lasso));
  click("closer", () => zoom(2));
  click("farther", () => zoom(0.5));
  click("all", () => zoom(0));
  click("clear", () => pick([]));
  click("csv", () => {
    const rows = [...(state.selection.empty ? data.ids.keys() : state.selection.list)];
    const href = URL.createObjectURL(new Blob([csv(data, state.view, rows)], { type: "text/csv" }));
    element("a", { href, download: "selection.csv" }).click();
    URL.revokeObjectURL(href);
  });
  click("link", () => {
    writeNow();
    const framed = location.hash !== address;
    copy(framed ? address : location.href, by("map-link"), () => {
      if (framed) say("map-said", address);
      return framed ? "It is written above" : "It is in the address bar";
    });
  });

  if (data.labels) {
    const options = data.labels.map((name, value) => element("option", { value }, name));
    by("map-label").append(...options.sort((a, b) => a.text.localeCompare(b.text, "en", { numeric: true })));
    on(by("map-label"), "change", ({ target, target: { value } }) => {
      pick(value === "" ? [] : data.members(data.columns[0])[value]);
      target.value = value;
    });
  }
  on(by("map-colour"), "change", ({ target }) => recolour(Number(target.value)));

  let found = [];
  on(by("map-search"), "input", ({ target: { value: text } }) => {
    found = search(data, text, state.view);
    by("map-found").hidden = found.length < 2;
    say("map-found", `Select all ${count(found.length)}`);
    pin(found.length > 0 ? found[0] : -1);
    if (text.trim() && found.length === 0)
      requestAnimationFrame(() => say("map-said", "No image has this in its id, label or numbers."));
  });
  click("found", () => pick(found));
  on(by("map-search"), "keydown", ({ key }) => {
    if (key === "Enter" && found.length > 0) pick(found);
  });

  // ---- what changes from outside ----
  on(document, "themechange", () => {
    theme = new Theme();
    panel.scale(theme);
    changed("map", "small", "focus");
  });
  on(window, "hashchange", () => {
    if (!read()) return;
    show(state.view);
    changed("small", "selection");
  });
  new ResizeObserver(() => {
    small.measure();
    changed("map", "small");
  }).observe(by("map-views"));
  new ResizeObserver(() => changed("map")).observe(canvas);

  read();
  map.points = data.views[state.view];
  show(state.view);
  recolour(state.colour);
  small.measure();
  changed("selection");
})();

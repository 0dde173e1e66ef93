"use strict";
// The selection: which images, in words that survive the page (the address, a CSV), and how a
// search finds them.

class Selection {
  constructor(n) {
    this.mask = new Uint8Array(n);
    this.count = 0;
  }

  get empty() {
    return this.count === 0;
  }

  replace(mask) {
    this.mask = mask;
    this.count = 0;
    for (let i = 0; i < mask.length; i++) this.count += mask[i];
    this.listed = null;
  }

  pick(rows) {
    const mask = new Uint8Array(this.mask.length);
    for (const i of rows) mask[i] = 1;
    this.replace(mask);
  }

  toggle(i) {
    this.mask[i] ^= 1;
    this.count += this.mask[i] ? 1 : -1;
    this.listed = null;
  }

  // The rows that are selected, ascending.
  get list() {
    if (!this.listed) {
      this.listed = new Uint32Array(this.count);
      for (let i = 0, at = 0; i < this.mask.length; i++) if (this.mask[i]) this.listed[at++] = i;
    }
    return this.listed;
  }

  // Runs of rows as integers of seven bits a byte, the gap before a run and its length; base64url.
  encode() {
    const bytes = [];
    const put = (value) => {
      for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
      bytes.push(value);
    };
    const { mask } = this;
    for (let at = 0, end = 0; at < mask.length; at++) {
      if (!mask[at]) continue;
      put(at - end);
      for (end = at; end < mask.length && mask[end]; ) end++;
      put(end - at);
      at = end;
    }
    let letters = "";
    for (let at = 0; at < bytes.length; at += 8192) letters += String.fromCharCode(...bytes.slice(at, at + 8192));
    return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  // The mask of an encoded selection; null where it is none of `n` images.
  static decode(text, n) {
    let letters;
    try {
      letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    } catch {
      return null;
    }
    const mask = new Uint8Array(n);
    let [at, value, scale, run] = [0, 0, 1, false];
    for (const letter of letters) {
      const byte = letter.charCodeAt(0);
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte > 127) continue;
      if (at + value > n) return null;
      if (run) mask.fill(1, at, at + value);
      at += value;
      [value, scale, run] = [0, 1, !run];
    }
    return scale > 1 || run ? null : mask;
  }
}

// A spreadsheet runs text that begins like a formula: an apostrophe makes it text.
const csvCell = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;

const csv = (data, view, rows) => {
  const { x, y, name } = data.views[view];
  const place = (value) => (value === ABSENT ? "" : (value / SPAN).toFixed(5));
  const number = (value) => (Number.isNaN(value) ? "" : Number(value.toPrecision(5)));
  const columns = data.columns.filter(({ names }) => names !== data.labels);
  const head = ["row", "id", "label", `x ${name}`, `y ${name}`, ...columns.map((column) => column.name)];
  const cell = (column, i) =>
    column.names ? csvCell(column.names[column.values[i]] ?? "") : number(data.value(column, view, i));
  const lines = rows.map((i) => {
    const label = csvCell(data.labels?.[data.label[i]] ?? "");
    return [i, csvCell(data.ids[i]), label, place(x[i]), place(y[i]), ...columns.map((column) => cell(column, i))].join();
  });
  return [head.map(csvCell).join(","), ...lines, ""].join("\r\n");
};

// The rows that a search finds: by id, label or group, or `name > number` for a numeric column.
const search = (data, text, view) => {
  const sought = text.trim().toLowerCase();
  return sought ? (searchNumbers(data, sought, view) ?? searchText(data, sought)) : [];
};

const searchNumbers = (data, sought, view) => {
  const [, title, sign, bound] = /^(.+?)\s*(<=|>=|<|>|=)\s*(-?\d*\.?\d+)$/.exec(sought) ?? [];
  const column = data.columns.find(({ name, names }) => sign && !names && name.toLowerCase().includes(title));
  if (!column) return null;
  // The page holds values on a scale of steps: half of one decides what is equal.
  const slack = sign.endsWith("=") ? (column.high - column.low) / column.top / 2 : 0;
  const from = sign[0] === "<" ? -Infinity : Number(bound) - slack;
  const to = sign[0] === ">" ? Infinity : Number(bound) + slack;
  const found = [];
  for (let i = 0; i < data.n; i++) {
    const value = data.value(column, view, i);
    if (value > from && value < to) found.push(i);
  }
  return found;
};

const searchText = (data, sought) => {
  data.lowered ??= data.ids.map((id) => id.toLowerCase());
  const categories = data.columns.filter(({ names }) => names);
  const named = categories.map(({ names }) => names.map((name) => name.toLowerCase().includes(sought)));
  const found = [];
  for (let i = 0; i < data.n; i++)
    if (data.lowered[i].includes(sought) || categories.some(({ values }, at) => named[at][values[i]])) found.push(i);
  // What is exactly sought comes first.
  const exact = found.findIndex((i) => data.lowered[i] === sought);
  if (exact > 0) found.unshift(...found.splice(exact, 1));
  return found;
};

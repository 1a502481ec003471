// Boxes over bars of the engraved score: one for each system that they stand on.

import { place } from "./engraving.js";

/** The stretches of printed bars on pages that are drawn, each `{page, box}`. */
export function* stretches(engraving, first, last) {
  let found = null;
  for (let index = first; index <= last; index++) {
    const page = engraving.pageOf(index);
    if (!page.drawn) continue;
    const box = engraving.box(index);
    if (found && found.page === page && Math.abs(found.box.top - box.top) < 1e-6 && box.left > found.box.left) {
      found.box = { ...found.box, right: box.right, bottom: Math.max(found.box.bottom, box.bottom) };
      continue;
    }
    if (found) yield found;
    found = { page, box };
  }
  if (found) yield found;
}

/** Boxes of one kind. */
export class Boxes {
  constructor(kind) {
    this.kind = kind;
    this.elements = [];
  }

  clear() {
    for (const element of this.elements) element.remove();
    this.elements = [];
  }

  /** Put boxes over printed bars; the first says a text. */
  put(engraving, first, last, text = "") {
    let said = text;
    for (const { page, box } of stretches(engraving, first, last)) {
      const element = Object.assign(document.createElement("div"), { className: this.kind, textContent: said });
      place(element, box);
      page.over.append(element);
      this.elements.push(element);
      said = text ? "…" : "";
    }
  }
}

// The pages of the engraved score. Each is drawn when it comes near, and bars are found on it.

const NEAR = "100% 0px";
const PER_CENT = 100;

/** A box on a page, in per cent of its width and height, so that it holds for every size. */
function boxOn(page, { left, right, top, bottom }) {
  const own = page.getBoundingClientRect();
  const across = (x) => ((x - own.left) / own.width) * PER_CENT;
  const down = (y) => ((y - own.top) / own.height) * PER_CENT;
  return { left: across(left), right: across(right), top: down(top), bottom: down(bottom) };
}

export function place(element, { left, right, top, bottom }) {
  Object.assign(element.style, { left: `${left}%`, width: `${right - left}%`, top: `${top}%`, height: `${bottom - top}%` });
}

class Page {
  constructor({ width, height, svg, measures }, first) {
    this.svg = svg;
    this.measures = measures; // their ids
    this.first = first; // the index of the first of them
    this.boxes = null;
    this.element = document.createElement("div");
    this.element.className = "page";
    this.element.style.aspectRatio = `${width} / ${height}`;
    this.over = document.createElement("div");
    this.over.className = "over";
  }

  get drawn() {
    return this.boxes !== null;
  }

  draw() {
    if (this.drawn) return;
    const { documentElement: svg } = new DOMParser().parseFromString(this.svg, "image/svg+xml");
    svg.setAttribute("aria-hidden", "true");
    this.element.append(document.importNode(svg, true), this.over);
    this.boxes = this.measures.map((id) => this.boxOf(document.getElementById(id)));
  }

  /** From the first to the last staff of a bar, whose lines are as long as it is. */
  boxOf(measure) {
    const lines = [...measure.querySelectorAll(":scope > .staff > path")].map((line) => line.getBoundingClientRect());
    const all = lines.length ? lines : [measure.getBoundingClientRect()];
    const [left, top] = ["left", "top"].map((side) => Math.min(...all.map((each) => each[side])));
    const [right, bottom] = ["right", "bottom"].map((side) => Math.max(...all.map((each) => each[side])));
    return boxOn(this.element, { left, right, top, bottom });
  }
}

export class Engraving {
  /** `drawn` is told of each page that has been drawn. */
  constructor(container, { pages, notes, bars }, drawn) {
    this.container = container;
    this.notes = notes; // of each printed bar: id, from and to which quarter of it
    this.bars = bars; // the printed bar of each bar that is played
    this.drawn = drawn;
    let first = 0;
    this.pages = pages.map((each) => {
      const page = new Page(each, first);
      first += each.measures.length;
      return page;
    });
    this.count = first;
    container.replaceChildren(...this.pages.map((page) => page.element));
    this.near = new IntersectionObserver((seen) => this.draw(seen), { root: container, rootMargin: NEAR });
    for (const page of this.pages) this.near.observe(page.element);
  }

  close() {
    this.near.disconnect();
  }

  draw(seen) {
    for (const { isIntersecting, target } of seen) {
      if (isIntersecting) this.drawPage(this.pages.find((page) => page.element === target));
    }
  }

  drawPage(page) {
    if (page.drawn) return;
    page.draw();
    this.near.unobserve(page.element);
    this.drawn(page);
  }

  pageOf(index) {
    return this.pages.findLast((page) => page.first <= index);
  }

  /** The box of a printed bar, on a page that is drawn for it. */
  box(index) {
    const page = this.pageOf(index);
    this.drawPage(page);
    return page.boxes[index - page.first];
  }

  /** From which to which place across the page a printed bar's notes go: `[quarter, per cent]`, the last one its end. */
  course(index) {
    const page = this.pageOf(index);
    const { left, right } = this.box(index);
    const places = new Map();
    let end = 0;
    for (const [id, from, to] of this.notes[index]) {
      const head = document.querySelector(`#${CSS.escape(id)} .notehead`);
      end = Math.max(end, to);
      if (!head) continue;
      const x = boxOn(page.element, head.getBoundingClientRect()).left;
      places.set(from, Math.min(places.get(from) ?? Infinity, x));
    }
    const course = [...places].sort(([one], [other]) => one - other);
    if (!course.length || course[0][0] > 0) course.unshift([0, left]);
    return [...course, [Math.max(end, course.at(-1)[0] + 1e-6), right]];
  }

  /** The printed bar at or nearest to a place in the window, or null where no page is drawn. */
  at(x, y) {
    let found = null;
    let least = Infinity;
    for (const page of this.pages) {
      const own = page.element.getBoundingClientRect();
      if (!page.drawn || y < own.top || y > own.bottom) continue;
      const [across, down] = [((x - own.left) / own.width) * PER_CENT, ((y - own.top) / own.height) * PER_CENT];
      page.boxes.forEach((box, number) => {
        const beside = Math.max(box.left - across, across - box.right, 0) * own.width;
        const above = Math.max(box.top - down, down - box.bottom, 0) * own.height;
        if (beside + 4 * above < least) [least, found] = [beside + 4 * above, page.first + number];
      });
    }
    return found;
  }

  /** Let a printed bar be seen. */
  reveal(index, smoothly) {
    const page = this.pageOf(index);
    const { top, bottom } = this.box(index);
    const { container } = this;
    const share = page.element.offsetHeight / PER_CENT;
    const [begin, end] = [page.element.offsetTop + top * share, page.element.offsetTop + bottom * share];
    const margin = 0.06 * container.clientHeight + 24;
    if (begin - margin >= container.scrollTop && end + margin <= container.scrollTop + container.clientHeight) return;
    container.scrollTo({ top: begin - margin, behavior: smoothly ? "smooth" : "instant" });
  }
}

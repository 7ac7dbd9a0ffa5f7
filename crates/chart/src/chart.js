// What the figures of a page are drawn with.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** An HTML element with its attributes and children. */
const html = (name, attributes = {}, ...children) => filled(document.createElement(name), attributes, children);

/** An SVG element with its attributes and children. */
const svg = (name, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

/** A figure of that size in pixels. */
const canvas = (width, height, attributes) => svg("svg", { viewBox: `0 0 ${width} ${height}`, height, ...attributes });

/** From values to pixels, evenly; `invert` leads back. */
function linear([least, most], [begin, end]) {
  const scale = (value) => begin + ((value - least) / (most - least)) * (end - begin);
  scale.invert = (pixels) => least + ((pixels - begin) / (end - begin)) * (most - least);
  return scale;
}

/** From values to pixels, by the logarithm; what is less than the least is at the edge. */
function logarithmic([least, most], range) {
  const scale = linear([Math.log10(least), Math.log10(most)], range);
  return (value) => scale(Math.log10(Math.max(value, least)));
}

/** The smallest of the steps that gives no more than `limit` of them; whole multiples of the last beyond that. */
function step(span, limit, steps) {
  const last = steps.at(-1);
  return steps.find((candidate) => span / candidate <= limit) ?? last * Math.ceil(span / limit / last);
}

/** Multiples of a step from 0 to the most. */
const multiples = (every, most) =>
  Array.from({ length: Math.floor(most / every + 1e-9) + 1 }, (_, index) => index * every);

/** 1, 2 and 5 of each power of ten from the least to the most; 1 alone if those are more than `limit`. */
function powers(least, most, limit) {
  const ticks = (digits) =>
    Array.from({ length: 19 }, (_, index) => digits.map((digit) => Number(`${digit}e${index - 9}`)))
      .flat()
      .filter((tick) => tick >= least && tick <= most);
  const all = ticks([1, 2, 5]);
  return all.length <= limit ? all : ticks([1]);
}

/** Upright rules; each has its label at the height `labels`, if that is given. */
function rulesAcross(figure, ticks, x, [top, bottom], labels, tell = String) {
  const edge = figure.viewBox.baseVal.width - 38;
  for (const tick of ticks) {
    const at = x(tick);
    figure.append(svg("line", { class: "grid", x1: at, x2: at, y1: top, y2: bottom }));
    const anchor = at > edge ? "end" : "middle";
    if (labels) figure.append(svg("text", { x: at, y: labels, "text-anchor": anchor }, tell(tick)));
  }
}

/** Level rules, with their labels on the left; that of 0 is the axis. */
function rulesUp(figure, ticks, y, [left, right], tell = String) {
  for (const tick of ticks) {
    const at = y(tick);
    const [name, opacity] = tick ? ["grid", 0.6] : ["axis", 1];
    figure.append(svg("line", { class: name, x1: left, x2: right, y1: at, y2: at, "stroke-opacity": opacity }));
    figure.append(svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, tell(tick)));
  }
}

/** The corners of a step line through [x, y] in pixels: each height holds until the next, the last until `end`. */
function stepLine(points, end) {
  const corners = [];
  let last;
  for (const [x, y] of points) {
    if (y === last) continue;
    if (last !== undefined) corners.push([x, last]);
    corners.push([x, y]);
    last = y;
  }
  if (last !== undefined) corners.push([end, last]);
  return corners;
}

/** The `d` of a path through these corners. */
const through = (corners) =>
  corners.length ? `M${corners.map((pair) => pair.map((at) => at.toFixed(1)).join(" ")).join("L")}` : "";

/** The `d` of the area between two lines. */
const between = (line, floor) => (line.length ? `${through([...line, ...[...floor].reverse()])}Z` : "");

/** The first row with room for each of the [from, to] in turn, so that those of a row are `apart`. */
function rowsOf(spans, apart) {
  const ends = [];
  return spans.map(([from, to]) => {
    const free = ends.findIndex((end) => from - end >= apart);
    const row = free < 0 ? ends.length : free;
    ends[row] = to;
    return row;
  });
}

/** Moves sorted places at least `room` apart, and keeps their order and them between the least and the most. */
function spread(places, room, least, most) {
  const moved = [];
  for (const place of places) moved.push(Math.max(place, moved.length ? moved.at(-1) + room : least));
  let below = most;
  for (let index = moved.length - 1; index >= 0; index--) {
    moved[index] = Math.min(moved[index], below);
    below = moved[index] - room;
  }
  return moved;
}

// A window that is not shown yet has no width.
const LEAST_WIDTH = 240;

/** Draws a figure into the element with that id: the function takes the width, and gives the figure and more. */
function place(id, drawFigure) {
  const holder = byId(id);
  const { paddingLeft, paddingRight } = getComputedStyle(holder);
  const width = holder.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  const drawn = drawFigure(Math.max(width, LEAST_WIDTH));
  holder.replaceChildren(drawn.figure);
  return { holder, ...drawn };
}

/** Draws, and again when the width changes. */
function keepDrawn(draw) {
  draw();
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    draw();
  });
}

/**
 * Keeps figures drawn, and marks in all of them the moment under the pointer or chosen by keys; the first figure shows
 * what `tell` says of it by its index. `drawings` are functions by ids, which give the figure, its scale `x` from
 * moments to pixels, and its `top` and `bottom`. The moments are in order.
 */
function follow(drawings, moments, tell) {
  const tooltip = html("div", { class: "tooltip", role: "status", hidden: "" });
  let figures = [];
  let selected = 0;

  function select(index) {
    if (!moments.length) return;
    selected = Math.max(0, Math.min(index, moments.length - 1));
    tooltip.replaceChildren(...tell(selected));
    tooltip.hidden = false;
    for (const { x, cursor } of figures) {
      const at = x(moments[selected]);
      filled(cursor, { x1: at, x2: at, style: "visibility: visible" }, []);
    }
    const at = figures[0].x(moments[selected]);
    const room = figures[0].holder.clientWidth - tooltip.offsetWidth - 4;
    const onTheLeft = at > figures[0].holder.clientWidth / 2;
    tooltip.style.left = `${onTheLeft ? Math.max(4, at - tooltip.offsetWidth - 6) : Math.min(at + 26, room)}px`;
  }

  function deselect() {
    tooltip.hidden = true;
    for (const { cursor } of figures) cursor.removeAttribute("style");
  }

  function moveByKey(event) {
    const moves = {
      ArrowLeft: selected - 1,
      ArrowRight: selected + 1,
      PageDown: selected - 20,
      PageUp: selected + 20,
      Home: 0,
      End: moments.length - 1,
    };
    if (event.key === "Escape") deselect();
    if (!(event.key in moves)) return;
    event.preventDefault();
    select(moves[event.key]);
  }

  keepDrawn(() => {
    figures = Object.entries(drawings).map(([id, drawFigure]) => {
      const drawn = place(id, drawFigure);
      const cursor = svg("line", { class: "cursor", y1: drawn.top, y2: drawn.bottom });
      drawn.figure.append(cursor);
      drawn.figure.addEventListener("pointermove", (event) => {
        const at = drawn.x.invert(event.clientX - drawn.figure.getBoundingClientRect().left);
        select(moments.findLastIndex((moment) => moment <= at));
      });
      drawn.figure.addEventListener("pointerleave", deselect);
      return { ...drawn, cursor };
    });
    const [{ figure, holder }] = figures;
    figure.setAttribute("tabindex", 0);
    figure.addEventListener("keydown", moveByKey);
    figure.addEventListener("blur", deselect);
    tooltip.hidden = true;
    holder.append(tooltip);
  });
}

// The two figures: the pool over time, and the drains below on the same axis of time.

const STACK = ["busy", "available", "pending", "draining"];
const MARGIN = { left: 52, right: 14 };

/** An SVG element with its attributes and children. */
function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A length of time in words: "45 s", "12 min", "1 h 05 min". */
function spoken(seconds) {
  const whole = Math.round(seconds);
  const [days, hours, minutes, rest] = [whole / 86400, (whole % 86400) / 3600, (whole % 3600) / 60, whole % 60].map(
    Math.floor,
  );
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${String(minutes).padStart(2, "0")} min` : `${hours} h`;
  if (minutes) return rest ? `${minutes} min ${String(rest).padStart(2, "0")} s` : `${minutes} min`;
  return `${rest} s`;
}

/** The smallest of the steps that gives no more than `limit` of them; whole multiples of the last beyond that. */
function step(span, limit, steps) {
  const last = steps.at(-1);
  return steps.find((candidate) => span / candidate <= limit) ?? last * Math.ceil(span / limit / last);
}

/** From when until when the run lasted, in milliseconds. */
function spanOf(run) {
  const moments = [
    ...run.samples.map((sample) => sample.at_ms),
    ...run.incidents.map((incident) => incident.at_ms),
    ...run.refusals.map((refusal) => refusal.at_ms),
    ...run.drains.map((drain) => drain.ended_ms ?? drain.began_ms),
  ];
  const end = moments.reduce((latest, moment) => Math.max(latest, moment), run.started_at_ms);
  return { start: run.started_at_ms, end: Math.max(end, run.started_at_ms + 1000) };
}

/** The scale of time: from milliseconds to pixels, and the ticks that fit. */
function timeScale(span, width) {
  const inner = width - MARGIN.left - MARGIN.right;
  const seconds = (span.end - span.start) / 1000;
  const every = step(
    seconds,
    Math.max(2, inner / 96),
    [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400],
  );
  const ticks = Array.from({ length: Math.floor(seconds / every) + 1 }, (_, index) => index * every);
  const x = (at) => MARGIN.left + ((at - span.start) / (span.end - span.start)) * inner;
  const at = (pixels) => span.start + ((pixels - MARGIN.left) / inner) * (span.end - span.start);
  return { x, at, ticks, right: MARGIN.left + inner, every };
}

/** Vertical rules with their times under them. */
function drawTimes(parent, time, span, top, bottom, labels) {
  for (const seconds of time.ticks) {
    const x = time.x(span.start + seconds * 1000);
    parent.append(svg("line", { class: "grid", x1: x, x2: x, y1: top, y2: bottom }));
    const anchor = seconds === 0 ? "start" : x > time.right - 24 ? "end" : "middle";
    if (labels)
      parent.append(svg("text", { x, y: labels, "text-anchor": anchor }, seconds ? spoken(seconds) : "start"));
  }
}

/** The corners of a step line: each value holds until the next. */
function stepLine(samples, value, time, y, end) {
  const corners = [];
  let last;
  for (const sample of samples) {
    const now = value(sample);
    if (now === last) continue;
    const x = time.x(sample.at_ms).toFixed(1);
    if (last !== undefined) corners.push(`${x} ${y(last)}`);
    corners.push(`${x} ${y(now)}`);
    last = now;
  }
  if (last !== undefined) corners.push(`${time.x(end).toFixed(1)} ${y(last)}`);
  return corners;
}

/** Gives each flag the lowest row in which it does not touch its neighbour. */
function rowsOf(positions, distance) {
  const ends = [];
  return positions.map((x) => {
    const free = ends.findIndex((end) => x - end >= distance);
    const row = free < 0 ? ends.length : free;
    ends[row] = x;
    return row;
  });
}

/** The figure of the pool: areas, lines, flags and refusals. */
function drawPool(run, width) {
  const span = spanOf(run);
  const time = timeScale(span, width);
  const incidents = run.incidents.map((incident) => time.x(incident.at_ms));
  const rows = rowsOf(incidents, 22);
  const top = 12 + 22 * (rows.length ? Math.max(...rows) + 1 : 0);
  const bottom = top + (width < 560 ? 250 : 340);
  const height = bottom + 46;

  const heights = run.samples.map((sample) =>
    Math.max(
      STACK.reduce((sum, name) => sum + sample[name], 0),
      sample.desired,
      sample.demand,
      sample.busy + sample.target,
    ),
  );
  const highest = heights.reduce((most, height) => Math.max(most, height), 1);
  const every = step(highest, 6, [1, 2, 5, 10, 20, 50, 100]);
  const limit = Math.ceil((highest + every / 4) / every) * every;
  const y = (count) => (bottom - (count / limit) * (bottom - top)).toFixed(1);

  const figure = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    height,
    role: "group",
    tabindex: 0,
    "aria-labelledby": "pool-heading",
    "aria-describedby": "verdict",
  });
  drawTimes(figure, time, span, top, bottom, bottom + 36);

  const lines = STACK.map((_, index) =>
    stepLine(
      run.samples,
      (sample) => STACK.slice(0, index + 1).reduce((sum, name) => sum + sample[name], 0),
      time,
      y,
      span.end,
    ),
  );
  STACK.forEach((name, index) => {
    if (!run.samples.length) return;
    const floor = index ? lines[index - 1] : stepLine(run.samples, () => 0, time, y, span.end);
    figure.append(
      svg("path", { class: `fill-${name}`, d: `M${lines[index].join("L")}L${[...floor].reverse().join("L")}Z` }),
    );
    figure.append(svg("path", { class: "edge", d: `M${lines[index].join("L")}` }));
  });
  for (let count = 0; count <= limit; count += every) {
    figure.append(
      svg("line", {
        class: count ? "grid" : "axis",
        x1: MARGIN.left,
        x2: time.right,
        y1: y(count),
        y2: y(count),
        "stroke-opacity": count ? 0.6 : 1,
      }),
    );
    figure.append(svg("text", { x: MARGIN.left - 8, y: +y(count) + 4, "text-anchor": "end" }, String(count)));
  }
  const wanted = stepLine(run.samples, (sample) => Math.max(sample.demand, sample.busy), time, y, span.end);
  const unmet = svg("path", {
    class: "unmet",
    d: wanted.length ? `M${wanted.join("L")}L${[...lines[0]].reverse().join("L")}Z` : "",
  });
  figure.append(unmet);
  const values = {
    target: (sample) => sample.busy + sample.target,
    demand: (sample) => sample.demand,
    desired: (sample) => sample.desired,
  };
  for (const [name, value] of Object.entries(values)) {
    if (!run.samples.length) break;
    const d = `M${stepLine(run.samples, value, time, y, span.end).join("L")}`;
    if (name === "desired") figure.append(svg("path", { class: "halo", d }));
    figure.append(svg("path", { class: `${name}-line`, d }));
  }

  figure.append(svg("text", { x: MARGIN.left - 8, y: bottom + 17, "text-anchor": "end" }, "refused"));
  for (const refusal of run.refusals) {
    const x = time.x(refusal.at_ms);
    figure.append(svg("line", { class: "refusal-tick", x1: x, x2: x, y1: bottom + 5, y2: bottom + 20 }));
  }
  run.incidents.forEach((incident, index) => {
    const x = incidents[index];
    const middle = top - 14 - 22 * rows[index];
    figure.append(
      svg(
        "a",
        { class: "flag", href: `#incident-${index + 1}`, "aria-label": `${index + 1}: ${incident.label}` },
        svg("line", { x1: x, x2: x, y1: middle + 9, y2: bottom }),
        svg("circle", { cx: x, cy: middle, r: 9.5 }),
        svg("text", { x, y: middle + 4 }, String(index + 1)),
        svg("title", {}, incident.label),
      ),
    );
  });
  figure.append(svg("line", { class: "cursor", y1: top, y2: bottom }));
  return { figure, time };
}

/** What stands beside a drain's bar. */
function labelOf(drain, span, short) {
  const name = short ? `…${drain.instance.slice(-4)}` : drain.instance;
  const lasted = spoken(((drain.ended_ms ?? span.end) - drain.began_ms) / 1000);
  return `${name} · ${drain.ended_ms == null ? "for " : ""}${lasted}`;
}

/** The figure of the drains: a bar each, as many beside each other as fit. */
function drawDrains(run, width) {
  const span = spanOf(run);
  const time = timeScale(span, width);
  const pitch = 22;
  const short = width < 560 || run.drains.length > 12;
  const lanes = [];
  const bars = [...run.drains]
    .sort((a, b) => a.began_ms - b.began_ms)
    .map((drain) => {
      const label = labelOf(drain, span, short);
      const start = time.x(drain.began_ms);
      const end = Math.max(time.x(drain.ended_ms ?? span.end), start + 3);
      const labelled = label.length * 6.8 + 16;
      const left = end + labelled > width && start - labelled > 0;
      const [from, to] = left ? [start - labelled, end + 8] : [start, end + labelled];
      const free = lanes.findIndex((occupied) => from > occupied);
      const lane = free < 0 ? lanes.length : free;
      lanes[lane] = to;
      return { drain, label, start, end, left, lane };
    });
  const bottom = 8 + lanes.length * pitch;
  const height = bottom + 26;
  const figure = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    height,
    role: "img",
    "aria-labelledby": "drains-heading",
    "aria-describedby": "drains-lead",
  });
  drawTimes(figure, time, span, 4, bottom, bottom + 18);
  for (const { drain, label, start, end, left, lane } of bars) {
    const y = 8 + lane * pitch;
    const middle = y + 7;
    const busy = drain.busy_until_ms == null ? start : Math.min(time.x(drain.busy_until_ms), end);
    const bar = svg(
      "g",
      {},
      svg("title", {}, tellDrain(drain, span)),
      svg("rect", { class: "fill-draining", x: busy, y, width: end - busy, height: 14, rx: 2 }),
      svg("rect", { class: "fill-busy", x: start, y, width: busy - start, height: 14, rx: 2 }),
    );
    if (drain.ended_ms == null)
      bar.append(svg("path", { class: "open-mark", d: `M${end + 1} ${middle - 5}l5 5l-5 5` }));
    else bar.append(svg("circle", { class: "ended-mark", cx: end, cy: middle, r: 4.5 }));
    bar.append(
      svg("text", { x: left ? start - 6 : end + 10, y: middle + 4, "text-anchor": left ? "end" : "start" }, label),
    );
    figure.append(bar);
  }
  figure.append(svg("line", { class: "cursor", y1: 4, y2: bottom }));
  return { figure, time };
}

/** One drain in a sentence. */
function tellDrain(drain, span) {
  const since = (moment) => spoken((moment - drain.began_ms) / 1000);
  const busy = drain.busy_until_ms == null ? "was not busy" : `was busy for another ${since(drain.busy_until_ms)}`;
  const ended =
    drain.ended_ms == null ? `not completed after ${since(span.end)}` : `completed after ${since(drain.ended_ms)}`;
  return `${drain.instance} began to drain at ${spoken((drain.began_ms - span.start) / 1000)}, ${busy}, ${ended}.`;
}

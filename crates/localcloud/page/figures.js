// The two figures: the pool over time, and the drains below on the same axis of time.

const STACK = ["busy", "available", "pending", "draining"];
const STEPS_SECONDS = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
const EDGES = { left: 52, right: 14 };

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

/** The scale of time, from milliseconds to pixels. */
const timeScale = (span, width) => linear([span.start, span.end], [EDGES.left, width - EDGES.right]);

/** Upright rules with their times under them. */
function drawTimes(figure, span, width, edges, labels) {
  const seconds = (span.end - span.start) / 1000;
  const every = step(seconds, Math.max(2, (width - EDGES.left - EDGES.right) / 96), STEPS_SECONDS);
  const moments = multiples(every, seconds).map((since) => span.start + since * 1000);
  rulesAcross(figure, moments, timeScale(span, width), edges, labels, (at) =>
    at === span.start ? "start" : spoken((at - span.start) / 1000),
  );
}

/** The figure of the pool: areas, lines, flags and refusals. */
function drawPool(run, width) {
  const span = spanOf(run);
  const x = timeScale(span, width);
  const flags = run.incidents.map((incident) => x(incident.at_ms));
  const rows = rowsOf(
    flags.map((at) => [at, at]),
    22,
  );
  const top = 12 + 22 * Math.max(0, ...rows.map((row) => row + 1));
  const bottom = top + (width < 560 ? 250 : 340);
  const figure = canvas(width, bottom + 46, {
    role: "group",
    "aria-labelledby": "pool-heading",
    "aria-describedby": "verdict",
  });
  drawTimes(figure, span, width, [top, bottom], bottom + 36);

  const stacked = (sample, count) => STACK.slice(0, count).reduce((sum, name) => sum + sample[name], 0);
  const values = {
    target: (sample) => sample.busy + sample.target,
    demand: (sample) => sample.demand,
    desired: (sample) => sample.desired,
  };
  const highest = run.samples
    .flatMap((sample) => [stacked(sample, STACK.length), ...Object.values(values).map((value) => value(sample))])
    .reduce((most, height) => Math.max(most, height), 1);
  const every = step(highest, 6, [1, 2, 5, 10, 20, 50, 100]);
  const limit = Math.ceil((highest + every / 4) / every) * every;
  const y = linear([0, limit], [bottom, top]);
  const line = (value) =>
    stepLine(
      run.samples.map((sample) => [x(sample.at_ms), y(value(sample))]),
      x(span.end),
    );

  const edges = [0, 1, 2, 3, 4].map((count) => line((sample) => stacked(sample, count)));
  STACK.forEach((name, index) => {
    figure.append(svg("path", { class: `fill-${name}`, d: between(edges[index + 1], edges[index]) }));
    figure.append(svg("path", { class: "edge", d: through(edges[index + 1]) }));
  });
  rulesUp(figure, multiples(every, limit), y, [EDGES.left, width - EDGES.right]);
  const wanted = line((sample) => Math.max(sample.demand, sample.busy));
  figure.append(svg("path", { class: "unmet", d: between(wanted, edges[1]) }));
  for (const [name, value] of Object.entries(values)) {
    const d = through(line(value));
    if (name === "desired") figure.append(svg("path", { class: "halo", d }));
    figure.append(svg("path", { class: `${name}-line`, d }));
  }

  figure.append(svg("text", { x: EDGES.left - 8, y: bottom + 17, "text-anchor": "end" }, "refused"));
  for (const refusal of run.refusals) {
    const at = x(refusal.at_ms);
    figure.append(svg("line", { class: "refusal-tick", x1: at, x2: at, y1: bottom + 5, y2: bottom + 20 }));
  }
  run.incidents.forEach((incident, index) => {
    const at = flags[index];
    const middle = top - 14 - 22 * rows[index];
    figure.append(
      svg(
        "a",
        { class: "flag", href: `#incident-${index + 1}`, "aria-label": `${index + 1}: ${incident.label}` },
        svg("line", { x1: at, x2: at, y1: middle + 9, y2: bottom }),
        svg("circle", { cx: at, cy: middle, r: 9.5 }),
        svg("text", { x: at, y: middle + 4 }, String(index + 1)),
        svg("title", {}, incident.label),
      ),
    );
  });
  return { figure, x, top, bottom };
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
  const x = timeScale(span, width);
  const short = width < 560 || run.drains.length > 12;
  const bars = [...run.drains]
    .sort((a, b) => a.began_ms - b.began_ms)
    .map((drain) => {
      const label = labelOf(drain, span, short);
      const start = x(drain.began_ms);
      const end = Math.max(x(drain.ended_ms ?? span.end), start + 3);
      const labelled = label.length * 6.8 + 16;
      const left = end + labelled > width && start - labelled > 0;
      return { drain, label, start, end, left, room: left ? [start - labelled, end + 8] : [start, end + labelled] };
    });
  const lanes = rowsOf(
    bars.map((bar) => bar.room),
    0,
  );
  const [top, bottom] = [4, 8 + 22 * Math.max(0, ...lanes.map((lane) => lane + 1))];
  const figure = canvas(width, bottom + 26, {
    role: "img",
    "aria-labelledby": "drains-heading",
    "aria-describedby": "drains-lead",
  });
  drawTimes(figure, span, width, [top, bottom], bottom + 18);
  bars.forEach(({ drain, label, start, end, left }, index) => {
    const y = 8 + lanes[index] * 22;
    const middle = y + 7;
    const busy = drain.busy_until_ms == null ? start : Math.min(x(drain.busy_until_ms), end);
    const mark =
      drain.ended_ms == null
        ? svg("path", { class: "open-mark", d: `M${end + 1} ${middle - 5}l5 5l-5 5` })
        : svg("circle", { class: "ended-mark", cx: end, cy: middle, r: 4.5 });
    const text = { x: left ? start - 6 : end + 10, y: middle + 4, "text-anchor": left ? "end" : "start" };
    figure.append(
      svg(
        "g",
        {},
        svg("title", {}, tellDrain(drain, span)),
        svg("rect", { class: "fill-draining", x: busy, y, width: end - busy, height: 14, rx: 2 }),
        svg("rect", { class: "fill-busy", x: start, y, width: busy - start, height: 14, rx: 2 }),
        mark,
        svg("text", text, label),
      ),
    );
  });
  return { figure, x, top, bottom };
}

/** One drain in a sentence. */
function tellDrain(drain, span) {
  const since = (moment) => spoken((moment - drain.began_ms) / 1000);
  const busy = drain.busy_until_ms == null ? "was not busy" : `was busy for another ${since(drain.busy_until_ms)}`;
  const ended =
    drain.ended_ms == null ? `not completed after ${since(span.end)}` : `completed after ${since(drain.ended_ms)}`;
  return `${drain.instance} began to drain at ${spoken((drain.began_ms - span.start) / 1000)}, ${busy}, ${ended}.`;
}

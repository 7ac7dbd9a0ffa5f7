// The two figures: idle hours against refused requests, and the pools over a typical day.

const thousands = (number) => Math.round(number).toLocaleString("en").replaceAll(",", "\u202f");
const percent = (share) => `${Math.round(share * 1e6) / 1e4} %`;
const colour = (name) => `var(--${name})`;

/** A sheet with room for names on the right, and what its axes are called. */
function sheet(width, [wide, narrow], label, across, up) {
  const height = width < 560 ? narrow : wide;
  const [left, right, top, bottom] = [64, width - (width < 560 ? 118 : 140), 16, height - 54];
  const figure = canvas(width, height, { role: "img", "aria-label": label });
  const middle = `translate(14 ${(top + bottom) / 2}) rotate(-90)`;
  figure.append(
    svg("text", { class: "title", x: (left + right) / 2, y: height - 10, "text-anchor": "middle" }, across),
    svg("text", { class: "title", transform: middle, "text-anchor": "middle" }, up),
  );
  return { figure, left, right, top, bottom };
}

/** Names in the margin, each beside the end of its line, [x, y, name]. */
function nameEnds({ figure, right, bottom }, ends) {
  ends.sort((one, other) => one[1] - other[1]);
  const places = spread(
    ends.map((end) => end[1]),
    18,
    20,
    bottom,
  );
  ends.forEach(([x, y, name], index) => {
    const corners = [
      [x, y],
      [right + 10, places[index]],
    ];
    figure.append(
      svg("path", { class: "leader", stroke: colour(name), d: through(corners) }),
      svg("text", { class: "label", style: `fill: ${colour(name)}`, x: right + 14, y: places[index] + 4 }, name),
    );
  });
}

/** A policy's line. */
const curve = (name, isOurs, d, ...children) =>
  svg("path", { class: isOurs ? "curve strong" : "curve", stroke: colour(name), d }, ...children);

function drawTradeOff({ allowed, requests, curves }, width) {
  const drawn = sheet(
    width,
    [520, 400],
    "Idle hours against refused requests",
    "refused requests, of all (none: at the left edge)",
    "idle hours",
  );
  const { figure, left, right, top, bottom } = drawn;
  const points = curves.flatMap((curve) => curve.points);
  const idle = points.map((point) => Math.max(point.idle_hours, 1));
  const least = Math.min(0.5 / requests, allowed / 2);
  const worst = Math.max(allowed, ...points.map((point) => point.refused / requests));
  const [fewest, refused] = [
    [Math.min(...idle) * 0.8, Math.max(...idle) * 1.2],
    [least, Math.max(worst * 1.2, least * 10)],
  ];
  const x = logarithmic(refused, [left, right]);
  const y = logarithmic(fewest, [bottom, top]);
  rulesAcross(figure, powers(...refused, (right - left) / 56), x, [top, bottom], bottom + 20, percent);
  rulesUp(figure, powers(...fewest, (bottom - top) / 20), y, [left, right], thousands);

  const goal = x(allowed);
  const [beside, anchor] = goal + 150 > width ? [goal - 6, "end"] : [goal + 6, "start"];
  const wanted = `wanted: ${percent(1 - allowed)} found`;
  figure.append(
    svg("line", { class: "goal", x1: goal, x2: goal, y1: top, y2: bottom }),
    svg("text", { class: "title", x: beside, y: top + 10, "text-anchor": anchor }, wanted),
  );

  const ends = [];
  for (const { name, is_ours, is_bound, points } of curves) {
    const corners = points.map((point) => [x(point.refused / requests), y(Math.max(point.idle_hours, 1))]);
    if (!corners.length) continue;
    // The bound has no parameter: a line for the eye.
    const line = is_bound ? [corners[0], [right, corners[0][1]]] : corners;
    figure.append(curve(name, is_ours, through(line)));
    points.forEach((point, index) => {
      const [cx, cy] = corners[index];
      const words = `${name} at ${point.parameter}: ${point.refused} of ${requests} refused, ${thousands(point.idle_hours)} idle hours`;
      figure.append(svg("circle", { cx, cy, r: point.is_tuned ? 6 : 3, fill: colour(name) }, svg("title", {}, words)));
    });
    ends.push([...line.reduce((last, corner) => (corner[0] >= last[0] ? corner : last)), name]);
  }
  nameEnds(drawn, ends);
  return drawn;
}

const HOUR = 60;
const DAY = 24 * HOUR;
const clock = (minute) =>
  `${String(Math.floor(minute / HOUR)).padStart(2, "0")}:${String(minute % HOUR).padStart(2, "0")}`;

function drawDay({ demand, pools }, width) {
  const drawn = sheet(width, [460, 360], "Demand and pool sizes over a day", "time of day (UTC)", "instances");
  const { figure, left, right, top, bottom } = drawn;
  const most = Math.max(4, ...demand, ...pools.flatMap((pool) => pool.sizes));
  const x = linear([0, DAY], [left, right]);
  const y = linear([0, most * 1.05], [bottom, top]);
  const line = (counts) =>
    stepLine(
      counts.map((count, minute) => [x(minute), y(count)]),
      right,
    );
  const floor = [
    [left, bottom],
    [right, bottom],
  ];
  const wanted = `Recordings wanted at once: at most ${Math.max(...demand)}`;
  figure.append(svg("path", { class: "demand", d: between(line(demand), floor) }, svg("title", {}, wanted)));
  rulesUp(figure, multiples(step(most, 8, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]), most), y, [left, right]);
  const every = step(24, (right - left) / 56, [2, 3, 4, 6, 12]) * HOUR;
  rulesAcross(figure, multiples(every, DAY), x, [bottom, bottom + 5], bottom + 20, clock);
  for (const { name, is_ours, sizes } of pools) {
    const words = `${name}: ${Math.min(...sizes)} to ${Math.max(...sizes)} instances`;
    figure.append(curve(name, is_ours, through(line(sizes)), svg("title", {}, words)));
  }
  nameEnds(
    drawn,
    pools.map(({ name, sizes }) => [right, y(sizes.at(-1)), name]),
  );
  return { x, ...drawn };
}

/** The pools at one minute of the day, in HTML. */
const tellMinute = ({ demand, pools }, minute) => [
  html("b", {}, `${clock(minute)} UTC`),
  ...[["wanted", "area", demand], ...pools.map(({ name, sizes }) => [name, name, sizes])].map(
    ([name, swatch, counts]) =>
      html(
        "div",
        {},
        html("i", { class: "swatch", style: `background: ${colour(swatch)}` }),
        name,
        html("span", {}, String(counts[minute])),
      ),
  ),
];

const { trade_off: tradeOff, day } = data;
if (tradeOff) keepDrawn(() => place("trade-off", (width) => drawTradeOff(tradeOff, width)));
if (day) follow({ day: (width) => drawDay(day, width) }, [...day.demand.keys()], (minute) => tellMinute(day, minute));

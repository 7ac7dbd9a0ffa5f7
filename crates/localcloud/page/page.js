// The words of the page, its tables, and what moves.

const run = data;
const span = spanOf(run);
const plural = (count, one, many = `${one}s`) => `${count === 0 ? "no" : count} ${count === 1 ? one : many}`;
const hours = (seconds) => [(seconds / 3600).toFixed(seconds < 36000 ? 1 : 0), "h"];

// Every figure of the summary that the page has words for, in the order of its tiles.
const FIGURES = [
  {
    key: "recordings_cut",
    label: "Recordings cut",
    explained: "ended by us before they were over",
    headline: true,
    good: 0,
    also: { key: "cut_when_taken", label: "of them by EC2 or a person, past the group" },
  },
  {
    key: "files_lost",
    label: "Files lost",
    explained: "recorded, and never uploaded",
    headline: true,
    good: 0,
    also: { key: "lost_when_taken", label: "of them with a machine that EC2 or a person took" },
  },
  { key: "requests", label: "recordings asked for" },
  { key: "refused", label: "of them refused", good: 0 },
  { key: "launches", label: "instances launched" },
  { key: "terminations", label: "instances terminated" },
  { key: "busy_instance_seconds", label: "instance hours busy", tell: hours },
  { key: "idle_instance_seconds", label: "instance hours idle", tell: hours },
  { key: "forecast_minutes", label: "minutes with the forecast in charge" },
  { key: "drains", label: "drains begun", also: { key: "drains_unfinished", label: "not completed" } },
  { key: "longest_drain_seconds", label: "longest drain", tell: (seconds) => [spoken(seconds)] },
];

const elapsed = (at) => spoken((at - span.start) / 1000);
const clock = (at) => new Date(at).toISOString().slice(11, 19);

function tellHeader() {
  document.title = run.title;
  byId("title").textContent = run.title;
  const date = new Date(run.started_at_ms).toISOString();
  byId("when").textContent =
    `${date.slice(0, 10)}, from ${clock(span.start)} to ${clock(span.end)} UTC, ${elapsed(span.end)}`;

  const { recordings_cut: cut, files_lost: lost, requests, refused } = run.summary;
  const sentences = [];
  if (cut === 0 && lost === 0) sentences.push("No recording was cut, and no file was lost.");
  else if (cut != null && lost != null)
    sentences.push(`Cut: ${plural(cut, "recording")}. Lost: ${plural(lost, "file")}.`);
  if (requests > 0 && refused === 0)
    sentences.push(`Each of ${plural(requests, "recording")} asked for found a Jibri at once.`);
  else if (requests > 0 && refused > 0)
    sentences.push(
      `Of ${plural(requests, "recording")} asked for, ${refused} found no Jibri and ${refused === 1 ? "was" : "were"} refused.`,
    );
  byId("verdict").textContent = sentences.join(" ") || "This run left no summary.";
}

function tellSummary() {
  const known = new Set(FIGURES.flatMap((figure) => [figure.key, figure.also?.key]));
  const others = Object.keys(run.summary).filter((key) => !known.has(key));
  const named = others.map((key) => ({
    key,
    label: key.replace(/_seconds$/, "").replaceAll("_", " "),
    tell: key.endsWith("_seconds") ? (seconds) => [spoken(seconds)] : undefined,
  }));
  for (const { key, label, explained, headline, good, tell, also } of [...FIGURES, ...named]) {
    const value = run.summary[key];
    if (value == null && !headline) continue;
    const [amount, unit] =
      value == null
        ? ["?"]
        : tell && typeof value === "number"
          ? tell(value)
          : [typeof value === "number" ? value.toLocaleString("en") : String(value)];
    // What was not measured is not good.
    const verdict = good === undefined ? "" : value === good ? "good" : value > good || headline ? "bad" : "";
    const words = headline ? [html("b", {}, label), value == null ? "not measured" : explained] : [label];
    if (run.summary[also?.key]) words.push(`, ${run.summary[also.key]} ${also.label}`);
    const shown = html("dd", {}, amount, ...(unit ? [" ", html("small", {}, unit)] : []));
    byId("tiles").append(
      html("div", { class: `tile ${headline ? "headline" : ""} ${verdict}` }, html("dt", {}, ...words), shown),
    );
  }
}

function tellIncidents() {
  byId("incidents-section").hidden = run.incidents.length === 0;
  run.incidents.forEach((incident, index) => {
    const words = html(
      "div",
      {},
      html("b", {}, incident.label),
      " ",
      html("span", { class: "at" }, `at ${elapsed(incident.at_ms)}`),
      html("br"),
      incident.detail,
    );
    byId("incidents").append(
      html("li", { id: `incident-${index + 1}` }, html("span", { class: "number" }, String(index + 1)), words),
    );
  });
}

function tellDrains() {
  const busy = run.drains.filter((drain) => drain.busy_until_ms != null && drain.busy_until_ms > drain.began_ms).length;
  const open = run.drains.filter((drain) => drain.ended_ms == null).length;
  byId("drains-lead").textContent =
    run.drains.length === 0
      ? "No instance was told to leave."
      : `${plural(run.drains.length, "instance was", "instances were")} told to leave: ${busy} while busy, ${open ? `${open} not completed when the run ended` : "every one completed"}.`;
  byId("drains").hidden = byId("drains-legend").hidden = run.drains.length === 0;
}

function fillTable(id, caption, heads, rows) {
  const cells = (name, values, attributes) => values.map((value) => html(name, attributes, String(value)));
  byId(id).append(
    html("caption", {}, caption),
    html("thead", {}, html("tr", {}, ...cells("th", heads, { scope: "col" }))),
    html(
      "tbody",
      {},
      ...rows.map(([first, ...rest]) =>
        html("tr", {}, html("th", { scope: "row" }, String(first)), ...cells("td", rest)),
      ),
    ),
  );
}

function tellTables() {
  const names = ["demand", "busy", "available", "pending", "draining", "desired", "target"];
  const everyMs =
    1000 * step((span.end - span.start) / 1000, 60, [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 21600, 86400]);
  const rows = [];
  for (const sample of run.samples) if (!rows.length || sample.at_ms >= rows.at(-1).at_ms + everyMs) rows.push(sample);
  fillTable(
    "samples-table",
    `The pool, every ${spoken(everyMs / 1000)} or less often`,
    ["time", ...names.slice(0, -1), "spare wanted"],
    rows.map((sample) => [elapsed(sample.at_ms), ...names.map((name) => sample[name])]),
  );
  fillTable(
    "drains-table",
    "Every drain",
    ["instance", "began at", "busy until", "completed at"],
    run.drains.map((drain) => [
      drain.instance,
      elapsed(drain.began_ms),
      drain.busy_until_ms == null ? "was idle" : elapsed(drain.busy_until_ms),
      drain.ended_ms == null ? "not completed" : elapsed(drain.ended_ms),
    ]),
  );
  byId("settings-section").hidden = Object.keys(run.settings).length === 0;
  for (const [name, value] of Object.entries(run.settings))
    byId("settings").append(html("dt", {}, name), html("dd", {}, value));
}

/** The values of one sample, in HTML. */
function tellSample(index) {
  const sample = run.samples[index];
  const rows = [
    ["draining", "Draining"],
    ["pending", "Pending"],
    ["available", "Available"],
    ["busy", "Busy"],
    ["line desired", "Desired", "desired"],
    ["line demand", "Demand", "demand"],
    ["line target", "Spare wanted", "target"],
  ];
  return [
    html("b", {}, `${elapsed(sample.at_ms)} · ${clock(sample.at_ms)} UTC`),
    ...rows.map(([swatch, name, key = swatch]) =>
      html("div", {}, html("i", { class: `swatch ${swatch}` }), name, html("span", {}, String(sample[key]))),
    ),
  ];
}

tellHeader();
tellSummary();
tellIncidents();
tellDrains();
tellTables();
follow(
  {
    pool: (width) => drawPool(run, width),
    ...(run.drains.length && { drains: (width) => drawDrains(run, width) }),
  },
  run.samples.map((sample) => sample.at_ms),
  tellSample,
);

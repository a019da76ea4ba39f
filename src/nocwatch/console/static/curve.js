// The charge curve with uPlot: power large, the rest beside it; a session under way is read again as readings come.

const SHOWN = ["Power", "Energy", "State of charge", "Limit", "Vehicle's plan"]; // the others are a click away, and would cover these
let holder = null;
const COLOURS = { Power: "--charging", Energy: "--available", "State of charge": "--suspendedev", Current: "--reserved", Voltage: "--preparing", Limit: "--text", "Vehicle's plan": "--muted" };
const ROOF = 2; // a limit far above the power would press the curve to the ground: it is cut off there
let plot = null;
let hidden = null;

function colour(name) {
  // A colour given by light-dark() has to be asked of an element: the variable itself is only text.
  const probe = document.createElement("i");
  probe.style.color = "var(" + name + ")";
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const figure = (value, unit) => (value == null ? "–" : value.toFixed(unit === "kWh" ? 2 : unit === "V" || unit === "%" ? 0 : 1) + "\u00a0" + unit);

function latest(u, column, at) {
  // A limit holds until its next step, and has nothing in its column between them.
  while (at > 0 && u.data[column][at] === undefined) at--;
  return at;
}

const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

function options(curve) {
  const muted = colour("--muted");
  const line = { stroke: colour("--line"), width: 1 };
  const font = 0.6875 * rem() + "px " + getComputedStyle(document.body).fontFamily;
  const units = [...new Set(curve.series.map((each) => each.unit))];
  const power = Math.max(0, ...curve.series.filter((each) => each.name === "Power").flatMap((each) => each.values.filter((value) => value != null)));
  const highest = (unit, high) => (unit === "kW" && power > 0 ? Math.min(high, power * ROOF) : high) || 1;
  const first = curve.series.some((each) => SHOWN.includes(each.name)) ? SHOWN : [curve.series[0].name];
  const axed = units.filter((unit) => curve.series.some((each) => each.unit === unit && first.includes(each.name)));
  const zone = document.body.dataset.zone;
  return {
    width: holder.clientWidth,
    height: 15 * rem(),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    fmtDate: undefined,
    cursor: { drag: { x: true, y: false }, dataIdx: latest },
    scales: Object.fromEntries([["x", {}], ...units.map((unit) => [unit, { range: (u, low, high) => (unit === "V" ? [low === high ? low - 5 : low, high + 1] : [0, highest(unit, high) * 1.05]) }])]),
    axes: [
      { stroke: muted, grid: line, ticks: line, font, space: 4.5 * rem(), values: [[3600 * 24, "{D} {MMM}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
      ...axed.map((unit, index) => ({
        scale: unit, side: index === 0 ? 3 : 1, stroke: muted, font, grid: index === 0 ? line : { show: false }, ticks: line,
        size: 3.25 * rem(), label: unit, labelSize: 1.125 * rem(), labelFont: font,
      })),
    ],
    series: [
      { label: "Time", value: "{HH}:{mm}:{ss}" },
      ...curve.series.map((each, index) => ({
        label: each.name, scale: each.unit, stroke: colour(COLOURS[each.name] ?? "--muted"), width: (index === 0 ? 2 : 1.25) * rem() / 16,
        ...(each.stepped ? { dash: [6, 4], paths: uPlot.paths.stepped({ align: 1 }) } : {}),
        show: hidden ? !hidden.has(each.name) : first.includes(each.name), points: { show: !each.stepped && each.values.length < 40 },
        value: (u, value) => figure(value, each.unit),
      })),
    ],
  };
}

let held = null;
function draw() {
  if (!held || held.at_s.length < 2) return;
  if (plot) {
    hidden = new Set(plot.series.filter((each) => !each.show).map((each) => each.label));
    plot.destroy();
  }
  holder.replaceChildren();
  const limits = held.limits ?? []; // each has moments of its own: what a column lacks at another's is no gap in it
  const columns = uPlot.join([[held.at_s, ...held.series.map((each) => each.values)], ...limits.map((each) => [each.at_s, each.values])]);
  const series = [...held.series, ...limits.map((each) => ({ ...each, stepped: true }))];
  plot = new uPlot(options({ ...held, series }), columns, holder);
}

function changed(fresh, former) {
  // The end of a limit's line moves with the clock; what it allows is what counts.
  const told = (curve) => JSON.stringify(curve.limits.map((each) => [each.at_s.slice(0, -1), each.values]));
  return told(fresh) !== told(former);
}

async function load() {
  try {
    const answer = await fetch(holder.dataset.curve);
    if (!answer.ok) return;
    const fresh = await answer.json();
    if (held && fresh.at_s.length === held.at_s.length && fresh.limits.length === held.limits.length && !changed(fresh, held)) return;
    held = fresh;
    const readings = document.querySelector("[data-readings]");
    if (readings) readings.textContent = fresh.at_s.length + " readings";
  } catch {
    return;
  }
  draw();
}

function find() {
  const found = document.querySelector("[data-curve]");
  if (!found || !window.uPlot) return;
  if (found !== holder) {
    holder = found;
    held = plot = hidden = null;
    let width = holder.clientWidth;
    new ResizeObserver(() => {
      if (holder === found && found.clientWidth !== width) {
        width = found.clientWidth;
        plot?.setSize({ width, height: 15 * rem() });
      }
    }).observe(found);
    load();
  } else if (holder.dataset.liveCurve) {
    load();
  }
}

find();
document.addEventListener("nocwatch:fresh", find);
document.addEventListener("nocwatch:look", draw);

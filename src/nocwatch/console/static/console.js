// The console's liveness: times that tick, rows that change in place, a page that says when it no longer receives.
// Everything reads without this file. A page names what it wants to hear of (body data-live); what changes is fetched from
// the server as HTML and swapped by data-key, so that there is one place that renders: the templates.

const root = document.documentElement;
const body = document.body;
root.classList.add("js");

// --- time ------------------------------------------------------------------------------------------------------------

let skew = Number(body.dataset.now) - Date.now(); // the server's clock counts: a wall's own may be wrong by minutes
const now = () => (body.hasAttribute("data-still") ? Number(body.dataset.now) : Date.now() + skew); // over a recording no time passes
const NB = "\u00a0";

function brief(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s >= 86400) return Math.floor(s / 86400) + NB + "d";
  if (s >= 3600) return Math.floor(s / 3600) + NB + "h";
  if (s >= 60) return Math.floor(s / 60) + NB + "min";
  return s + NB + "s";
}

function clock(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  return two(Math.floor(s / 3600)) + ":" + two(Math.floor((s % 3600) / 60)) + ":" + two(s % 60);
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  const t = now();
  for (const each of document.querySelectorAll("time[data-ago]")) {
    const gone = t - Number(each.dataset.ago);
    put(each, gone < 0 ? (gone > -5000 ? "now" : "in " + brief(-gone)) : gone < 2000 ? "now" : brief(gone) + NB + "ago");
  }
  for (const each of document.querySelectorAll("time[data-for]")) put(each, brief(t - Number(each.dataset.for)));
  if (!root.hasAttribute("data-stale")) {
    for (const each of document.querySelectorAll("[data-clock]")) put(each, clock(t - Number(each.dataset.clock)));
  }
}
setInterval(tick, 1000);
tick();

// --- looks -----------------------------------------------------------------------------------------------------------

function keep(name, value) {
  document.cookie = name + "=" + value + "; path=/; max-age=31536000; samesite=lax";
}

document.querySelector("[data-theme-toggle]")?.addEventListener("click", () => {
  const dark = root.dataset.theme === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : root.dataset.theme === "dark";
  root.dataset.theme = dark ? "light" : "dark";
  keep("nocwatch_theme", root.dataset.theme);
  document.dispatchEvent(new Event("nocwatch:look"));
});
document.querySelector("[data-wall-toggle]")?.addEventListener("click", () => {
  root.dataset.wall = root.dataset.wall === "1" ? "0" : "1";
  keep("nocwatch_wall", root.dataset.wall);
  document.dispatchEvent(new Event("nocwatch:look"));
});

// --- swapping --------------------------------------------------------------------------------------------------------

function busy(element) {
  const active = document.activeElement;
  if (active && element.contains(active) && /^(INPUT|SELECT|TEXTAREA)$/.test(active.tagName)) return true;
  return element.matches("[data-dragging]") || element.querySelector("[data-dragging]") !== null;
}

// What differs only by the time that has passed is no change.
function essence(element) {
  return element.outerHTML.replace(/<time[^>]*>[^<]*<\/time>/g, (time) => time.replace(/>[^<]*</, "><"))
    .replace(/(data-clock="\d+"[^>]*>)[^<]*/g, "$1").replace(/ (aria-selected="[^"]*"|open="")/g, "").replace(/ class="changed"/g, "");
}

// A strip of time moves all the time, and what shows on hovering says for how long: that is no news to point at.
const news = (html) => html.replace(/<svg class="strip"[^]*?<\/svg>/g, "").replace(/ title="[^"]*"/g, "");

const last = new WeakMap();

function swap(old, fresh, mark) {
  const held = last.get(old) ?? essence(old);
  const coming = essence(fresh);
  if (held === coming || busy(old) || old.hasAttribute("data-keep")) return false;
  for (const open of old.querySelectorAll("details[open]")) {
    const id = open.closest("[id]")?.id;
    if (id) fresh.querySelector("#" + CSS.escape(id) + " > details")?.setAttribute("open", "");
  }
  const selected = old.getAttribute("aria-selected");
  if (selected) fresh.setAttribute("aria-selected", selected);
  last.set(fresh, coming);
  if (mark && news(held) !== news(coming)) fresh.classList.add("changed");
  old.replaceWith(fresh);
  return true;
}

const tops = (within) => [...within.querySelectorAll("[data-key]")].filter((each) => !each.parentElement.closest("[data-key]"));
const keys = (within) => tops(within).map((each) => each.dataset.key).join("\n");

// The whole of a page's body, with what a person has opened and chosen carried over.
function exchange(main, fresh) {
  for (const open of main.querySelectorAll("details[open]")) {
    const id = open.closest("[id]")?.id;
    if (id) fresh.querySelector("#" + CSS.escape(id) + " > details")?.setAttribute("open", "");
  }
  const chosen = main.querySelector('tr[aria-selected="true"]')?.dataset.key;
  if (chosen) fresh.querySelector('tr[data-key="' + CSS.escape(chosen) + '"]')?.setAttribute("aria-selected", "true");
  const chart = main.querySelector("[data-curve]");
  if (chart) fresh.querySelector("[data-curve]")?.replaceWith(chart); // it is read again by itself, and keeps its zoom
  main.replaceChildren(...fresh.childNodes);
}

// A page, fetched again: every part with a key that is outside of another such part is swapped where it differs.
let asked = null;
async function refresh(url = location.href, navigate = false) {
  asked?.abort();
  const mine = (asked = new AbortController());
  let text;
  try {
    const answer = await fetch(url, { signal: mine.signal, headers: { accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok) return;
    text = await answer.text();
  } catch (error) {
    if (error.name === "AbortError") return;
    return; // the live feed's own light tells that the server is gone
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  skew = Number(page.body.dataset.now) - Date.now();
  if (navigate) {
    document.title = page.title;
    const input = document.activeElement;
    const fresh = document.adoptNode(page.querySelector("main"));
    const main = document.querySelector("main");
    if (input && main.contains(input) && input.matches("[data-filter]")) {
      // Only what is around the field that is being typed in is replaced.
      const heir = fresh.querySelector("[data-filter]");
      if (heir) heir.replaceWith(input);
      main.replaceChildren(...fresh.childNodes);
      input.focus();
    } else {
      main.replaceChildren(...fresh.childNodes);
    }
    return tick();
  }
  const main = document.querySelector("main");
  const other = page.querySelector("main");
  if (keys(main) !== keys(other) && !main.querySelector("[data-rows]:hover") && !busy(main)) {
    // Parts came, went or changed places. Not under the pointer, though: nothing is worse than a row that slips away.
    exchange(main, document.adoptNode(other));
  }
  for (const old of tops(document)) {
    const fresh = page.querySelector('[data-key="' + CSS.escape(old.dataset.key) + '"]');
    if (fresh) swap(old, document.adoptNode(fresh), old.matches("tr"));
  }
  const told = (band) => (!band || band.hidden ? [] : [band.querySelector("span").textContent]);
  health(told(page.querySelector("[data-trouble]")), told(page.querySelector("[data-remark]")));
  tick();
  document.dispatchEvent(new Event("nocwatch:fresh"));
}

// --- the live feed ---------------------------------------------------------------------------------------------------

const light = document.querySelector("[data-light]");
const staleBand = document.querySelector("[data-stale]");
const troubleBand = document.querySelector("[data-trouble]");
const remarkBand = document.querySelector("[data-remark]");
const SILENT_MS = 25000; // two heartbeats and a half
let heard = Date.now();
let reasons = []; // why nocwatch cannot do its job; what is amiss besides has its own band and leaves the light alone
let broken = false;

function health(found, remarks) {
  reasons = found;
  for (const [band, sentences] of [[troubleBand, found], [remarkBand, remarks]]) {
    band.hidden = sentences.length === 0;
    put(band.querySelector("span"), sentences.join(" "));
  }
}

function stale(since) {
  if (!root.hasAttribute("data-stale")) root.setAttribute("data-stale", "");
  staleBand.hidden = false;
  put(staleBand.querySelector("[data-stale-text]"), "This page no longer receives: what it shows is " + brief(Date.now() - since) + " old. The watch does not answer; chargers go on without it, but nobody is told of troubles. Call whoever runs nocwatch. The page tries again by itself.");
}

function shine() {
  const silent = Date.now() - heard > SILENT_MS;
  if (broken || silent) {
    light.dataset.state = "stale";
    put(light, "not receiving");
    stale(heard);
    return;
  }
  root.removeAttribute("data-stale");
  staleBand.hidden = true;
  light.dataset.state = reasons.length ? "trouble" : "live";
  put(light, reasons.length ? "live, with trouble" : "live");
  light.title = "Changes arrive by themselves; the last sign of life came " + brief(Date.now() - heard) + " ago";
}

const kinds = body.dataset.live.split(/\s+/).filter(Boolean);
const rowsTable = document.querySelector("[data-rows]");
const changedRows = new Set();
let wantPage = false;
let due = 0;
const PAUSE_MS = 1000; // a page is fetched at most once in this time, however much changes

function later() {
  if (due) return;
  due = setTimeout(async () => {
    due = 0;
    const page = wantPage;
    const ids = [...changedRows];
    wantPage = false;
    changedRows.clear();
    if (page || ids.length > 50) await refresh();
    else if (ids.length) await refreshRows(ids);
  }, PAUSE_MS);
}

async function refreshRows(ids) {
  const query = ids.map((id) => "id=" + encodeURIComponent(id)).join("&");
  let text;
  try {
    const answer = await fetch(document.querySelector("[data-rows-url]").dataset.rowsUrl + "&" + query);
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const fresh of [...page.querySelectorAll("tr[data-key]")]) {
    const old = document.querySelector('tr[data-key="' + CSS.escape(fresh.dataset.key) + '"]');
    if (old) swap(old, document.adoptNode(fresh), true);
  }
  tick();
}

// On the fleet a row changes in place; order, counts and what is new follow with the whole page, less often.
let pageTimer = 0;
function changed(kind, data) {
  if (rowsTable) {
    const id = kind === "station" ? data.id : data.station;
    if (id && document.querySelector('tr[data-id="' + CSS.escape(id) + '"]')) changedRows.add(id);
    else if (document.querySelector("[data-rows] tbody")?.rows.length < 100) wantPage = wantPage || kind === "station";
    if (!pageTimer) {
      pageTimer = setTimeout(() => {
        pageTimer = 0;
        wantPage = true;
        later();
      }, 10000);
    }
  } else {
    wantPage = true;
  }
  later();
}

function sign(event) {
  heard = Date.now();
  broken = false;
  if (event?.data) {
    const beat = JSON.parse(event.data);
    if (Array.isArray(beat.reasons)) health(beat.reasons, beat.remarks ?? []);
  }
  shine();
}

let source = null;
let knew = false;
function follow() {
  const station = body.dataset.liveStation;
  const told = ["station", "session", "flag", "alert", "frame"].filter((kind) => kinds.includes(kind) && (kind !== "frame" || station));
  source = new EventSource("/api/events?kind=" + (told.join(",") || "heartbeat") + (station ? "&station=" + encodeURIComponent(station) : ""));
  source.addEventListener("hello", (event) => {
    sign(event);
    if (knew) {
      wantPage = true; // what happened meanwhile was not told
      later();
    }
    knew = true;
  });
  source.addEventListener("heartbeat", (event) => {
    sign(event);
    if (kinds.includes("heartbeat")) {
      wantPage = true;
      later();
    }
  });
  for (const kind of told) {
    source.addEventListener(kind, (event) => {
      heard = Date.now();
      changed(kind, JSON.parse(event.data));
    });
  }
  for (const end of ["behind", "closing"]) {
    source.addEventListener(end, () => {
      source.close();
      setTimeout(follow, 1000 + Math.random() * 2000);
    });
  }
  source.onerror = () => {
    broken = true;
    shine();
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 2000 + Math.random() * 3000);
  };
}
follow();
setInterval(shine, 1000);
addEventListener("pageshow", (event) => event.persisted && refresh());

// --- keyboard, rows, filters -------------------------------------------------------------------------------------------

const typing = () => /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");

function rows() {
  const frames = [...document.querySelectorAll("[data-list] tbody tr[data-href]")];
  return frames.length ? frames : [...document.querySelectorAll("[data-frames] > li")];
}

function select(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
  const next = all[Math.min(all.length - 1, Math.max(0, at + step))] ?? all[0];
  all[at]?.removeAttribute("aria-selected");
  next.setAttribute("aria-selected", "true");
  (next.querySelector("summary") ?? next).focus?.({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing()) return document.activeElement.blur();
  if (typing()) return;
  if (event.key === "/") {
    event.preventDefault();
    const field = document.querySelector("[data-filter]") ?? document.querySelector("[data-search]");
    field.focus();
    field.select();
  } else if (event.key === "j" || event.key === "k") {
    select(event.key === "j" ? 1 : -1);
  } else if (event.key === "Enter") {
    const row = document.querySelector('tr[aria-selected="true"]');
    if (row?.dataset.href && document.activeElement === body) location.href = row.dataset.href;
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const link = document.querySelector(event.key === "ArrowLeft" ? "[data-earlier]" : "[data-later]");
    if (link) {
      event.preventDefault();
      go(link.href);
    }
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    const answer = await fetch(button.dataset.copy);
    await navigator.clipboard.writeText(await answer.text());
    put(button, "Copied");
  } catch {
    location.href = button.dataset.copy; // no clipboard on a page without https: the text itself can be copied
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("a, button, input, select, summary, label")) return;
  const row = event.target.closest("tr[data-href]");
  if (row && !String(getSelection())) location.href = row.dataset.href;
});

// A form of choices answers as soon as something is chosen; a half-typed date is no choice yet.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-submit]");
  if (!form || (event.target.type === "date" && !event.target.value)) return;
  for (const field of form.querySelectorAll("[name]")) field.disabled = !field.value; // an address without empty words
  form.requestSubmit();
});

async function go(url) {
  history.replaceState(null, "", url);
  await refresh(url, true);
  wire();
}

let typed = 0;
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-filter]");
  if (!field) return;
  clearTimeout(typed);
  typed = setTimeout(() => {
    const values = new URLSearchParams(new FormData(field.form));
    for (const [name, value] of [...values]) if (!value) values.delete(name);
    const query = values.toString();
    go(field.form.getAttribute("action") + (query ? "?" + query : ""));
  }, 200);
});

// --- the timeline: hover tells, drag zooms -----------------------------------------------------------------------------

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
body.append(tip);
let hot = null;

document.addEventListener("pointermove", (event) => {
  const band = event.target.closest?.("[data-tip]");
  if (hot && hot !== band) hot.classList.remove("hot");
  hot = band;
  if (!band) {
    tip.hidden = true;
    return;
  }
  band.classList.add("hot");
  tip.hidden = false;
  put(tip, band.dataset.tip);
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(innerWidth - box.width - 8, event.clientX + 12)) + "px";
  tip.style.top = (event.clientY + box.height + 24 > innerHeight ? event.clientY - box.height - 8 : event.clientY + 16) + "px";
});

function wire() {
  for (const svg of document.querySelectorAll("[data-timeline]")) {
    if (svg.dataset.wired) continue;
    const part = svg.closest("[data-key]");
    if (part && !last.has(part)) last.set(part, essence(part));
    svg.dataset.wired = "1";
    for (const title of svg.querySelectorAll("rect > title")) {
      // The browser's own tip comes late and cannot be styled; without this script it is what there is.
      title.parentElement.dataset.tip = title.textContent;
      title.remove();
    }
    svg.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      const box = svg.getBoundingClientRect();
      const at = (event) => Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const from = at(down);
      let shade = null;
      const move = (event) => {
        if (!shade && Math.abs(event.clientX - down.clientX) < 5) return;
        if (!shade) {
          svg.setAttribute("data-dragging", "");
          svg.setPointerCapture(down.pointerId);
          shade = document.createElementNS("http://www.w3.org/2000/svg", "rect");
          shade.setAttribute("class", "drag");
          shade.setAttribute("height", "100%");
          svg.append(shade);
        }
        shade.setAttribute("x", Math.min(from, at(event)) * 100 + "%");
        shade.setAttribute("width", Math.abs(at(event) - from) * 100 + "%");
      };
      const up = (event) => {
        svg.removeEventListener("pointermove", move);
        svg.removeEventListener("pointerup", up);
        svg.removeEventListener("pointercancel", up);
        svg.removeAttribute("data-dragging");
        if (!shade) return;
        shade.remove();
        svg.addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
        const begin = Number(svg.dataset.from);
        const width = Number(svg.dataset.until) - begin;
        const ends = [from, at(event)].sort((a, b) => a - b).map((part) => Math.round((begin + part * width) / 1000));
        if (ends[1] - ends[0] < 300) ends[1] = ends[0] + 300;
        const url = new URL(location.href);
        url.searchParams.set("from", ends[0]);
        url.searchParams.set("until", ends[1]);
        url.searchParams.delete("span");
        go(url.href);
      };
      svg.addEventListener("pointermove", move);
      svg.addEventListener("pointerup", up);
      svg.addEventListener("pointercancel", up);
    });
  }
}
wire();
document.addEventListener("nocwatch:fresh", wire);

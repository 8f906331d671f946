// Where the page is put together: the address decides what is open, the connection says when to look again.

import { keyOf } from "./columns.js";
import { Connection, get, Refusal } from "./connections.js";
import { keep, make, mark, memory, partsOf, say } from "./elements.js";
import { Fleet } from "./fleets.js";
import { moment, number } from "./formats.js";
import { Target } from "./targets.js";

const $ = (id) => document.getElementById(id);
const THEMES = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" };
const WORDS = { connecting: "Connecting", live: "Live", polling: "Polling", lost: "Connection lost", failing: "Error" };

const head = { ...partsOf($("connection")), ...partsOf(document.querySelector(".moment")) };
let open = null; // {namespace, deployment} of the open target
let fleet = null; // the last answer of /targets
let changedAt = performance.now(); // when the cycle last changed, on this machine's clock
let pace = null; // ms between the last two cycles
let asks = 0; // counts requests for history: only the latest answer is shown
let connectionState = "connecting";

const table = new Fleet($("fleet"), $("filter"));
const target = new Target($("target"), () => askHistory());

/** `#/saleor/saleor-api` -> {namespace, deployment}; anything else is the fleet. */
function route() {
  const parts = location.hash.match(/^#\/([^/]+)\/([^/]+)$/);
  if (!parts) return null;
  try {
    return { namespace: decodeURIComponent(parts[1]), deployment: decodeURIComponent(parts[2]) };
  } catch {
    return null;
  }
}

function navigate() {
  const before = open;
  open = route();
  const key = open && keyOf(open);
  if (before && open && keyOf(before) === key) return;
  asks += 1; // an answer that is still under way is of another target
  document.title = open ? `${open.deployment} · Helios` : "Helios";
  $("panes").classList.toggle("is-open", open !== null);
  target.open(key, open?.deployment ?? "");
  table.select(key, { reveal: Boolean(open || before) });
  if (fleet) showTarget();
  askHistory();
}

/** The open target's report, out of the fleet's. */
function showTarget() {
  if (!open) return;
  const key = keyOf(open);
  const report = fleet.targets.find((each) => keyOf(each) === key) ?? null;
  target.showReport(report);
}

async function refreshFleet() {
  const answer = await get("targets");
  if (!Array.isArray(answer.targets)) throw new Refusal("the answer lists no targets", 200);
  if (fleet?.cycle !== answer.cycle) {
    const now = performance.now();
    pace = fleet ? now - changedAt : null;
    changedAt = now;
  }
  announce(fleet, answer);
  fleet = answer;
  connection.shown(answer.cycle);
  say(head.cycle, `cycle ${number(answer.cycle)}`);
  say(head.time, `data of ${moment(answer.generated_at)}`);
  mark(head.time, "datetime", answer.generated_at);
  showFaults(answer.faults ?? {});
  table.update(answer.targets);
  showTarget();
}

/** What the last cycle could not do, stage by stage; gone again after a good cycle. */
function showFaults(faults) {
  const stages = Object.entries(faults);
  $("faults").classList.toggle("is-shown", stages.length > 0);
  keep($("faults"), stages.length, () => make("p", "", make("strong"), make("span")));
  stages.forEach(([stage, fault], i) => {
    const [name, words] = $("faults").children[i].children;
    say(name, `The last cycle failed at “${stage}”: `);
    say(words, fault);
  });
}

async function refreshHistory() {
  if (!open) return;
  const asked = keyOf(open);
  if (!fleet.targets.some((each) => keyOf(each) === asked)) return;
  const turn = (asks += 1);
  const points = Math.ceil(target.range / (fleet.step_seconds || 300)) + 1;
  const address = `targets/${encodeURIComponent(open.namespace)}/${encodeURIComponent(open.deployment)}/history?points=${points}`;
  try {
    const history = await get(address);
    if (turn === asks) target.showHistory(history);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status === null) throw error;
    if (turn === asks) target.showHistory(null, `No history: ${error.message}`);
  }
}

/** The reader asks for it now: no waiting for the next refresh, which also finds and says what fails here. */
function askHistory() {
  if (fleet) refreshHistory().catch(() => connection.news());
}

/** Say a changed recommendation or a new anomaly of the open target aloud, once. */
function announce(before, after) {
  if (!before || !open) return;
  const find = (answer) => answer.targets.find((each) => keyOf(each) === keyOf(open));
  const [was, is] = [find(before), find(after)];
  const then = is?.recommended_replicas ?? null;
  const words = [];
  if (is?.anomaly.detected && is.anomaly.since !== was?.anomaly.since) words.push(is.anomaly.text);
  if (then !== null && then !== (was?.recommended_replicas ?? null)) words.push(`${number(then)} replicas recommended`);
  if (words.length) say($("news"), `${open.deployment}: ${words.join(" ")}`);
}

function tell({ state, words }) {
  const lost = state === "lost" || state === "failing";
  connectionState = state;
  mark($("connection"), "data-state", state);
  say(head.words, WORDS[state]);
  document.body.classList.toggle("is-stale", lost && fleet !== null);
  $("banner").classList.toggle("is-shown", lost);
  const shown = fleet ? ` What you see is cycle ${number(fleet.cycle)}, ${moment(fleet.generated_at)}.` : "";
  const what = state === "lost" ? `Connection to Helios lost (${words}).` : `Helios cannot answer: ${words}.`;
  say($("banner"), lost ? `${what}${shown} Trying again every 5 seconds.` : "");
  if (lost && !fleet) table.fail(`${what} Trying again every 5 seconds.`);
}

/** A loop that stands still is said, even while the server answers. */
function watch() {
  if (connectionState !== "live" && connectionState !== "polling") return;
  const silent = performance.now() - changedAt;
  const allowed = 3 * Math.max(pace ?? 0, (fleet?.step_seconds ?? 300) * 1000, 10000);
  const stale = fleet !== null && silent > allowed;
  mark($("connection"), "data-state", stale ? "stale" : connectionState);
  say(head.words, stale ? `No new cycle for ${Math.round(silent / 60000)} min` : WORDS[connectionState]);
}

function theme(chosen) {
  const root = document.documentElement;
  if (chosen === "auto") delete root.dataset.theme;
  else root.dataset.theme = chosen;
  say($("theme"), THEMES[chosen]);
  mark($("theme"), "aria-label", `Theme: ${chosen}`);
  target.recolour();
}

const connection = new Connection({
  refresh: async () => {
    // The step is needed to ask for the right number of points, so the very first history waits for it.
    if (fleet) await Promise.all([refreshFleet(), refreshHistory()]);
    else {
      await refreshFleet();
      await refreshHistory();
    }
  },
  tell,
});

const themes = Object.keys(THEMES);
let chosen = themes.includes(memory.get("theme")) ? memory.get("theme") : "auto";
theme(chosen);
$("theme").addEventListener("click", () => {
  chosen = themes[(themes.indexOf(chosen) + 1) % themes.length];
  memory.set("theme", chosen);
  theme(chosen);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => target.recolour());
addEventListener("hashchange", navigate);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && open && !event.target.matches("input[type=search]")) location.hash = "#/";
});
setInterval(watch, 5000);
navigate();

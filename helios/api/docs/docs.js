// Renders openapi.json: every route, its parameters, body and answers, and a button that tries it. No dependency.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// A schema as a reader wants it: names, types, bounds; `seen` stops at a type inside itself.
function describe(schema, all, seen = []) {
  if (!schema) return "anything";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return seen.includes(name) ? name : describe(all[name], all, [...seen, name]);
  }
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.properties && schema.type === "object") {
    const required = schema.required || [];
    return Object.fromEntries(Object.entries(schema.properties).map(([name, part]) =>
      [required.includes(name) ? name : name + "?", describe(part, all, seen)]));
  }
  if (schema.anyOf && !schema.properties) {
    const parts = schema.anyOf.map((part) => describe(part, all, seen));
    const objects = parts.filter((part) => typeof part === "object");
    return objects.length ? objects[0] : parts.join(" | ");
  }
  if (schema.type === "array") return [describe(schema.items, all, seen)];
  if (schema.additionalProperties && schema.type === "object") return { "…": describe(schema.additionalProperties, all, seen) };
  const bounds = [];
  if (schema.minimum !== undefined) bounds.push("from " + schema.minimum);
  if (schema.maximum !== undefined) bounds.push("to " + schema.maximum);
  if (schema.default !== undefined && schema.default !== null) bounds.push("default " + JSON.stringify(schema.default));
  return [schema.format || schema.type || "anything", ...bounds].join(" ");
}

// A body to start from: the examples that the schema carries.
function example(schema, all) {
  if (schema.examples) return schema.examples[0];
  if (schema.$ref) return example(all[schema.$ref.split("/").pop()], all);
  if (schema.properties) {
    const found = Object.entries(schema.properties).map(([name, part]) => [name, example(part, all)]);
    return Object.fromEntries(found.filter(([, value]) => value !== undefined));
  }
  if (schema.anyOf) return schema.anyOf.map((part) => example(part, all)).find((value) => value !== undefined);
  return schema.default ?? undefined;
}

function schemaOf(content) {
  const first = Object.entries(content || {})[0];
  return first ? { media: first[0], schema: first[1].schema } : null;
}

async function attempt(path, method, inputs, body, output) {
  let address = path.slice(1);
  const query = new URLSearchParams();
  for (const [parameter, input] of inputs) {
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.set(parameter.name, input.value);
  }
  if (String(query)) address += "?" + query;
  const options = { method: method.toUpperCase() };
  if (body) Object.assign(options, { body: body.value, headers: { "Content-Type": "application/json" } });
  const started = performance.now();
  try {
    const response = await fetch(address, options);
    const text = await response.text();
    const line = make("p", { className: "status" + (response.ok ? "" : " bad") },
      `${response.status} ${response.statusText} in ${(performance.now() - started).toFixed(1)} ms`);
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* text is shown as it is */ }
    output.replaceChildren(line, make("pre", {}, shown));
  } catch (error) {
    output.replaceChildren(make("p", { className: "status bad" }, "No answer: " + error.message));
  }
}

function tryIt(path, method, route, all) {
  const part = make("div");
  const inputs = (route.parameters || []).map((parameter) =>
    [parameter, make("input", { name: parameter.name, value: parameter.example ?? parameter.schema?.examples?.[0] ?? parameter.schema?.default ?? "" })]);
  for (const [parameter, input] of inputs) part.append(make("label", {}, make("code", {}, parameter.name), input));
  const asked = schemaOf(route.requestBody?.content);
  let body = null;
  if (asked) {
    body = make("textarea", { value: JSON.stringify(example(asked.schema, all), null, 2), spellcheck: false });
    body.setAttribute("aria-label", "request body");
    part.append(make("h3", {}, "Body"), body);
  }
  const output = make("div");
  output.setAttribute("aria-live", "polite");
  const button = make("button", { type: "button" }, "Send");
  button.addEventListener("click", () => attempt(path, method, inputs, body, output));
  part.append(make("p", {}, button), output);
  return part;
}

function renderRoute(path, method, route, all) {
  const inside = make("div", { className: "inside" });
  for (const line of (route.description || "").split("\n\n").slice(1)) if (line.trim()) inside.append(make("p", {}, line));
  const streams = Object.keys(route.responses["200"]?.content || {}).some((media) => media === "text/event-stream");
  if (!streams) inside.append(tryIt(path, method, route, all));
  const asked = schemaOf(route.requestBody?.content);
  if (asked) inside.append(make("h3", {}, "What may be sent"), make("pre", {}, JSON.stringify(describe(asked.schema, all), null, 2)));
  inside.append(make("h3", {}, "What is answered"));
  const errors = [];
  for (const [status, answer] of Object.entries(route.responses)) {
    const found = schemaOf(answer.content);
    if (found?.media === "application/problem+json") { errors.push(`${status} ${answer.description}`); continue; }
    inside.append(make("p", {}, make("code", {}, status), ` ${answer.description} (${found ? found.media : "no body"})`));
    if (found?.schema) inside.append(make("pre", {}, JSON.stringify(describe(found.schema, all), null, 2)));
  }
  if (errors.length) inside.append(make("p", {}, `Problem details (RFC 9457): ${errors.join(", ")}`));
  const summary = make("summary", {},
    make("span", { className: `method ${method}` }, method.toUpperCase()),
    make("code", {}, path), make("span", {}, (route.description || route.summary || "").split("\n")[0]));
  return make("details", { id: `${method}${path.replaceAll("/", "-")}` }, summary, inside);
}

async function main() {
  const about = document.getElementById("about");
  const routes = document.getElementById("routes");
  try {
    const api = await (await fetch("openapi.json")).json();
    const all = api.components?.schemas || {};
    document.getElementById("title").textContent = `${api.info.title} ${api.info.version}`;
    about.replaceChildren(api.info.description || "", " ", make("a", { href: "openapi.json" }, "openapi.json"));
    const groups = new Map();
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const method of METHODS.filter((name) => methods[name])) {
        const tag = methods[method].tags?.[0] || "other";
        if (!groups.has(tag)) groups.set(tag, []);
        groups.get(tag).push(renderRoute(path, method, methods[method], all));
      }
    }
    for (const [tag, parts] of groups) routes.append(make("h2", {}, tag), ...parts);
    if (location.hash) document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
  } catch (error) {
    about.textContent = `openapi.json could not be read: ${error.message}`;
  }
}

main();

// The dashboard's variables: their options asked of Prometheus, their values chosen as Grafana would, and their names replaced in texts.
import type { TimeRange } from "@grafana/data";
import type { Order, Variable } from "./models";
import { ask } from "./prometheus";

const ALL = "$__all";

export interface Chosen {
  variable: Variable;
  // as the query sees it
  value: string;
  // as the reader sees it
  text: string;
  // one by one, for panels that are repeated
  values: string[];
}

export async function choose(order: Order, range: TimeRange): Promise<Map<string, Chosen>> {
  const chosen = new Map<string, Chosen>();
  for (const variable of order.dashboard.templating?.list ?? []) {
    const options = await optionsOf(variable, order, range, (text) => replaced(text, chosen, {}));
    const wanted = order.variables[variable.name] ?? variable.current?.value ?? (variable.includeAll ? ALL : options[0]);
    const values = (Array.isArray(wanted) ? wanted : [wanted ?? ""]).filter((value) => value !== "");
    chosen.set(variable.name, made(variable, values.length ? values : options.slice(0, 1), options));
  }
  return chosen;
}

function made(variable: Variable, values: string[], options: string[]): Chosen {
  if (values.includes(ALL)) {
    return { variable, value: variable.allValue || either(options), text: "All", values: options };
  }
  const several = variable.multi || variable.includeAll;
  const value = several ? either(values) : quoted(values[0] ?? "");
  return { variable, value, text: variable.type === "datasource" ? "Prometheus" : values.join(" + "), values };
}

function either(values: string[]): string {
  const escaped = values.map(literal);
  return escaped.length === 1 ? (escaped[0] ?? "") : `(${escaped.join("|")})`;
}

function quoted(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"');
}

function literal(value: string): string {
  return value.replace(/[\\^$*+?.()|[\]{}]/g, "\\\\$&");
}

async function optionsOf(
  variable: Variable,
  order: Order,
  range: TimeRange,
  interpolate: (text: string) => string,
): Promise<string[]> {
  const query = typeof variable.query === "string" ? variable.query : (variable.query?.query ?? "");
  if (variable.type === "custom" || variable.type === "interval" || variable.type === "constant") {
    return query.split(",").map((value) => value.trim());
  }
  const values = /^\s*label_values\(\s*(?:(.+)\s*,\s*)?([A-Za-z_]\w*)\s*\)\s*$/s.exec(query);
  if (variable.type !== "query" || !values) {
    return [];
  }
  const times = `start=${range.from.valueOf() / 1000}&end=${range.to.valueOf() / 1000}`;
  const match = values[1] ? `&match[]=${encodeURIComponent(interpolate(values[1]))}` : "";
  return (await ask(order.prometheus, `label/${values[2]}/values?${times}${match}`, {})) as string[];
}

export function replaced(text: string, chosen: Map<string, Chosen>, more: Record<string, string>): string {
  return text.replace(
    /\$\{(\w+)(?::(\w+))?\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]/g,
    (whole, braced?: string, format?: string, plain?: string, squared?: string) => {
      const name = braced ?? plain ?? squared ?? "";
      const one = chosen.get(name);
      return more[name] ?? (format === "text" ? one?.text : one?.value) ?? whole;
    },
  );
}

// Text: Markdown through Grafana's own renderer.
import { renderMarkdown } from "@grafana/data";
import type { Drawing } from "./drawings";

export function TextPanel({ panel, height }: Drawing) {
  const { content = "" } = (panel.options ?? {}) as { content?: string };
  return (
    <div className="markdown-html" style={{ height, overflow: "hidden" }} dangerouslySetInnerHTML={{ __html: renderMarkdown(content) }} />
  );
}

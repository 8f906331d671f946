// Bundles the page into dist/, with icons and Inter where @grafana/ui asks for them.
import { build } from "esbuild";
import { cpSync, mkdirSync } from "node:fs";

mkdirSync("dist", { recursive: true });
await build({
  entryPoints: { page: "src/main.tsx" },
  bundle: true,
  outdir: "dist",
  format: "esm",
  target: "es2022",
  minify: true,
  splitting: true, // the code editor, which nothing here opens, stays in files of its own
  loader: { ".ttf": "file" },
  alias: { "react-custom-scrollbars-2": "./src/scrollbars.ts" },
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  logLevel: "warning",
});
cpSync("index.html", "dist/index.html");
cpSync("node_modules/@grafana/ui/dist/public/img", "dist/public/build/img", { recursive: true });
mkdirSync("dist/public/fonts/inter", { recursive: true });
for (const [weight, name] of [[400, "Regular"], [500, "Medium"]]) {
  cpSync(`node_modules/@fontsource/inter/files/inter-latin-${weight}-normal.woff2`, `dist/public/fonts/inter/Inter-${name}.woff2`);
}

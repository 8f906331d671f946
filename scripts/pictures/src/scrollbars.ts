// react-custom-scrollbars-2 is CommonJS with a default export, which a bundler does not find from an .mjs file of @grafana/ui.
// @ts-expect-error: the file has no types of its own
import { Scrollbars } from "../node_modules/react-custom-scrollbars-2/lib/index.js";

export default Scrollbars;

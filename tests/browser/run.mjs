// node run.mjs URL [PART OF A NAME]: the journeys against a running server. scripts/browser does the rest.

import { run } from "./harness.mjs";
import "./asking.mjs";
import "./answers.mjs";
import "./views.mjs";
import "./address.mjs";
import "./access.mjs";
import "./failures.mjs";

const [url, only] = process.argv.slice(2);
if (!url) {
  console.error("usage: node run.mjs URL [PART OF A NAME]");
  process.exit(2);
}
process.exit((await run(url.replace(/\/$/, ""), only)) ? 1 : 0);

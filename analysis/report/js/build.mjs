// Bundles src/ into ../report.js and ../report.css; its first line holds the digest of what it was made from, so that a
// test can tell, without Node, whether source and bundle belong together.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { build } from "esbuild";

const sources = [...readdirSync("src").sort().map((name) => `src/${name}`), "package-lock.json"];
const digest = createHash("sha256");
for (const name of sources) digest.update(readFileSync(name));
const notice =
  "sneeuwbal's report, with sigma, graphology, uPlot and events (MIT; their notices: js/LICENSES.txt of sneeuwbal)";
await build({
  entryPoints: ["src/main.js"], bundle: true, minify: true, format: "iife", target: "es2022", charset: "utf8",
  legalComments: "none", outfile: "../report.js", banner: { js: `/* ${notice} sources ${digest.digest("hex")} */` },
});

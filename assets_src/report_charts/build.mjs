// Makes plot.js and LICENSES.txt in lm_eval_hesnr/assets/report, and plot.js.sha256 here: npm ci && npm run build
import { build, version } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const OUT = "../../lm_eval_hesnr/assets/report";
// packages that are published inside the file of another one
const INSIDE = { "d3-array": "internmap" };

const { metafile, outputFiles } = await build({
  entryPoints: ["entry.js"],
  bundle: true,
  format: "iife",
  globalName: "Plot",
  minify: true,
  target: "es2020",
  legalComments: "none", // LICENSES.txt has the whole texts
  banner: { js: "/* Observable Plot and parts of D3, bundled by assets_src/report_charts; LICENSES.txt has their licences. */" },
  metafile: true,
  write: false,
});

const script = outputFiles[0].text;
// the page has the script inline, under a policy that forbids `eval`
for (const forbidden of ["</script", "<!--", "new Function(", "eval("]) {
  if (script.includes(forbidden)) throw new Error(`the bundle contains ${forbidden}`);
}

// the packages that have at least one byte in the bundle
const [{ inputs }] = Object.values(metafile.outputs);
const packages = new Set();
for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
  const found = path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//);
  if (!found || bytesInOutput === 0) continue;
  packages.add(found[1]);
  if (found[1] in INSIDE) packages.add(INSIDE[found[1]]);
}

// a package, its version and its licence with the whole text
function licence(name) {
  const folder = `node_modules/${name}`;
  const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((one) => /^(un)?licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name} has no licence file`);
  return `${name} ${about.version} (${about.license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
}

mkdirSync(OUT, { recursive: true });
writeFileSync(`${OUT}/plot.js`, script);
const rule = `\n${"-".repeat(80)}\n\n`;
writeFileSync(
  `${OUT}/LICENSES.txt`,
  `plot.js contains parts of these packages, bundled by esbuild ${version}:${rule}` +
    [...packages].sort().map(licence).join(rule),
);
const digest = createHash("sha256").update(script).digest("hex");
writeFileSync("plot.js.sha256", `${digest}  lm_eval_hesnr/assets/report/plot.js\n`);
console.log(`plot.js: ${script.length} bytes, ${packages.size} packages, sha256 ${digest}`);

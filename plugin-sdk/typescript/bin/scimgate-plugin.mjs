#!/usr/bin/env node
// `scimgate-plugin build` checks the types of src/plugin.ts and makes dist/plugin.wasm of it; `scimgate-plugin test` runs
// test/*.test.ts with Node's test runner. Both work in the folder that is given, or in the current one.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { componentize } from "componentize-qjs";
import { build as bundle } from "esbuild";
import ts from "typescript";

import { repair } from "./component.mjs";

const sdk = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const alias = {
  "scimgate-plugin-sdk/testing": join(sdk, "src/testing.ts"),
  "scimgate-plugin-sdk": join(sdk, "src/index.ts"),
};

const [command, folder = "."] = process.argv.slice(2);
const root = resolve(folder);

try {
  if (command === "build") await build();
  else if (command === "test") await test();
  else throw new Error("usage: scimgate-plugin build|test [folder]");
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

async function build() {
  const entry = join(root, "src/plugin.ts");
  check([entry]);
  const bundled = await bundle({ ...options(), entryPoints: [entry], write: false, minify: true });
  const { component } = await componentize({
    witPath: [join(sdk, "wit"), join(sdk, "../wit")].find((path) => existsSync(path)),
    jsSource: bundled.outputFiles[0].text,
    sync: true,
    optSize: true,
  });
  const plugin = repair(component);
  const to = join(root, "dist/plugin.wasm");
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, plugin);
  console.log(`${to}: ${plugin.length} bytes`);
}

async function test() {
  const names = existsSync(join(root, "test")) ? readdirSync(join(root, "test")).filter((name) => name.endsWith(".test.ts")) : [];
  if (names.length === 0) throw new Error("there is no test/*.test.ts");
  const tests = names.map((name) => join(root, "test", name));
  const node = createRequire(import.meta.url).resolve("@types/node/package.json");
  check(tests, { types: ["node"], typeRoots: [dirname(dirname(node))] });
  const to = join(root, "dist/test");
  rmSync(to, { recursive: true, force: true });
  await bundle({ ...options(), platform: "node", entryPoints: tests, outdir: to, outExtension: { ".js": ".mjs" } });
  const files = names.map((name) => join(to, name.replace(/\.ts$/, ".mjs")));
  const { status } = spawnSync(process.execPath, ["--test", ...files], { cwd: root, stdio: "inherit" });
  process.exitCode = status ?? 1;
}

function options() {
  return { bundle: true, format: "esm", target: "es2022", alias, logLevel: "error", absWorkingDir: root };
}

/** Checks types with the options of the folder, or of this package. */
function check(files, more = {}) {
  const config = [join(root, "tsconfig.json"), join(sdk, "tsconfig.json")].find((path) => existsSync(path));
  const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(config, ts.sys.readFile).config, ts.sys, dirname(config));
  const paths = Object.fromEntries(Object.entries(alias).map(([name, path]) => [name, [path]]));
  const program = ts.createProgram(files, { ...options, ...more, paths, noEmit: true });
  const problems = ts.getPreEmitDiagnostics(program);
  if (problems.length > 0) {
    const host = { getCurrentDirectory: () => root, getCanonicalFileName: (name) => name, getNewLine: () => "\n" };
    throw new Error(ts.formatDiagnostics(problems, host).trimEnd());
  }
}

/** Tests of a plugin outside the gateway: one call on a document of your own, and the examples in `fixtures/*.json`. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import type { HostDocument, Json } from "./document.ts";
import type { Context, Outcome, Plugin } from "./index.ts";
import { takeLog, type Level } from "./log.ts";

/** The result of one call. */
export interface Ran {
  /** The plugin's decision, or the error of a plugin that could not do its work. */
  readonly outcome: Outcome | { readonly tag: "error"; readonly val: string };
  /** The document as the plugin left it. */
  readonly document: Record<string, Json>;
  /** What it logged. */
  readonly log: { level: Level; message: string }[];
}

/** A context for tests. */
export const context: Context = {
  tenant: "acme",
  resourceType: "User",
  resourceId: "0198c0de-0000-7000-8000-000000000001",
  lastModified: "2026-01-02T03:04:05Z",
};

/** Runs one call of a plugin. */
export function run(plugin: Plugin, config: Json, document: Record<string, Json>, more: Partial<Context> = {}): Ran {
  const memory = new MemoryDocument(structuredClone(document));
  takeLog();
  let outcome: Ran["outcome"];
  try {
    outcome = plugin.transform({ ...context, ...more }, JSON.stringify(config ?? {}), memory);
  } catch (error) {
    outcome = { tag: "error", val: String(error) };
  }
  const log = takeLog().map(([level, message]) => ({ level, message }));
  return { outcome, document: memory.value, log };
}

interface Fixture {
  name: string;
  resourceType?: string;
  lastModified?: string;
  config?: Json;
  before: Record<string, Json>;
  after?: Record<string, Json>;
  outcome?: { excluded?: string; rejected?: string; error?: string };
  log?: { level: Level; message: string }[];
}

/** Makes a test of every example of a folder's JSON files. */
export function fixtures(plugin: Plugin, folder: string): void {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
  const examples = files.flatMap((name) => read(join(folder, name)));
  assert.ok(examples.length > 0, `${folder} has no examples`);
  for (const example of examples) test(example.name, () => check(plugin, example));
}

function read(path: string): Fixture[] {
  const content = JSON.parse(readFileSync(path, "utf8"));
  return Array.isArray(content) ? content : content.examples ?? [content];
}

function check(plugin: Plugin, { resourceType = "User", lastModified = context.lastModified, ...fixture }: Fixture): void {
  const ran = run(plugin, fixture.config ?? {}, fixture.before, { resourceType, lastModified });
  const found = told(ran.outcome);
  if (fixture.outcome?.error && found.error) assert.ok(found.error.includes(fixture.outcome.error), found.error);
  else assert.deepEqual(found, fixture.outcome ?? {});
  if (!fixture.outcome) assert.deepEqual(ran.document, fixture.after ?? fixture.before);
  if (fixture.log) assert.deepEqual(ran.log, fixture.log);
}

function told(outcome: Ran["outcome"]): NonNullable<Fixture["outcome"]> {
  switch (outcome.tag) {
    case "mapped":
      return {};
    case "rejected":
      return { rejected: outcome.val.detail };
    case "excluded":
      return { excluded: outcome.val };
    case "error":
      return { error: outcome.val };
  }
}

type Members = Record<string, Json>;

/** A step of a path: an attribute, and the values of it that it selects. */
interface Step {
  name: string;
  filter?: { name: string; value: Json };
}

/**
 * A document with simple paths: attribute, sub-attribute, URN, `[sub eq "value"]`. It knows no schemas: `scimgate plugin test`
 * runs the examples in the gateway's own engine.
 */
export class MemoryDocument implements HostDocument {
  readonly value: Members;

  constructor(value: Members) {
    this.value = value;
  }

  get(path: string): string[] {
    return this.#places(parse(path)).map(({ owner, key }) => JSON.stringify(owner[key]));
  }

  set(path: string, text: string): number {
    const steps = writable(path);
    const value = JSON.parse(text);
    let places = this.#places(steps);
    if (places.length === 0) {
      this.#create(steps);
      places = this.#places(steps);
    }
    for (const { owner, key } of places) owner[key] = structuredClone(value);
    return places.length;
  }

  append(path: string, text: string): number {
    const steps = writable(path);
    const given = JSON.parse(text);
    if (this.#places(steps).length === 0) this.set(path, "[]");
    const [list] = this.#places(steps);
    const values = list?.owner[list.key];
    if (!Array.isArray(values)) throw { tag: "wrong-value", val: `${path} is not multi-valued` };
    const before = values.length;
    for (const value of Array.isArray(given) ? given : [given]) {
      if (!values.some((present) => JSON.stringify(present) === JSON.stringify(value))) values.push(value);
    }
    return values.length - before;
  }

  remove(path: string): number {
    const places = this.#places(writable(path));
    for (const { owner, key } of places.reverse()) {
      if (Array.isArray(owner)) owner.splice(Number(key), 1);
      else delete owner[key];
    }
    return places.length;
  }

  toJson(): string {
    return JSON.stringify(this.value);
  }

  replace(json: string): void {
    const kept = ["id", "meta", "schemas"];
    const others = (value: Members) => Object.entries(value).filter(([name]) => !kept.includes(name));
    for (const [name] of others(this.value)) delete this.value[name];
    Object.assign(this.value, Object.fromEntries(others(JSON.parse(json))));
  }

  /** Where a path's matches are. */
  #places(steps: Step[]): { owner: any; key: string | number }[] {
    let places: { owner: any; key: string | number }[] = [{ owner: { document: this.value }, key: "document" }];
    for (const { name, filter } of steps) {
      places = places.flatMap(({ owner, key }) => {
        const value = owner[key];
        const elements: Members[] = Array.isArray(value) ? value : [value];
        return elements.flatMap((element) => {
          const found = member(element, name);
          return found === undefined ? [] : [{ owner: element as any, key: found }];
        });
      });
      if (filter) {
        places = places.flatMap(({ owner, key }) => {
          const values: Members[] = Array.isArray(owner[key]) ? owner[key] : [];
          return values.flatMap((value, index) => (equal(value, filter) ? [{ owner: values as any, key: index }] : []));
        });
      }
    }
    return places;
  }

  /** Creates what a path without a match names. */
  #create(steps: Step[]): void {
    let at: Members = this.value;
    for (const [index, { name, filter }] of steps.entries()) {
      const key = member(at, name) ?? name;
      if (filter) {
        const values = (at[key] ??= []) as Members[];
        const found = values.find((value) => equal(value, filter)) ?? { [filter.name]: filter.value };
        if (!values.includes(found)) values.push(found);
        at = found;
      } else if (index === steps.length - 1) {
        at[key] ??= null;
      } else {
        at = (at[key] ??= {}) as Members;
      }
    }
  }
}

function member(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.keys(value).find((key) => key.toLowerCase() === name.toLowerCase());
}

function equal(value: Members, filter: { name: string; value: Json }): boolean {
  const key = member(value, filter.name);
  const [a, b] = [key === undefined ? undefined : value[key], filter.value];
  return typeof a === "string" && typeof b === "string" ? a.toLowerCase() === b.toLowerCase() : a === b;
}

function writable(path: string): Step[] {
  const steps = parse(path);
  const name = steps[0]?.name.toLowerCase() ?? "";
  if (["id", "meta", "schemas"].includes(name)) throw { tag: "read-only", val: `${path} is set by the gateway` };
  return steps;
}

const STEP = /^(?<name>[A-Za-z$][\w$-]*)(?:\[(?<sub>[\w$-]+)\s+eq\s+(?<value>"(?:[^"\\]|\\.)*"|true|false|\d+)\])?$/i;

function parse(path: string): Step[] {
  const urn = /^(?<schema>urn:.*):(?<rest>[^:]+)$/is.exec(path)?.groups;
  const whole = urn && /^\d/.test(urn["rest"] ?? "") ? path : undefined;
  if (whole) return [{ name: whole }];
  const first: Step[] = urn ? [{ name: urn["schema"]! }] : [];
  const text = urn ? urn["rest"]! : path;
  const rest = text.match(/(?:[^.\[]|\[[^\]]*\])+/g) ?? [];
  if (rest.length === 0 || rest.join(".") !== text) throw { tag: "malformed", val: `${path} is not an attribute path` };
  return [...first, ...rest.map((text) => {
    const groups = STEP.exec(text)?.groups;
    if (!groups) throw { tag: "malformed", val: `${path} is not an attribute path` };
    const { name = "", sub, value } = groups;
    return sub === undefined ? { name } : { name, filter: { name: sub, value: JSON.parse(value ?? "null") } };
  })];
}

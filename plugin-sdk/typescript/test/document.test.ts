import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Document, type Json, PathError, plugin, schema } from "../src/index.ts";
import { MemoryDocument, run } from "../src/testing.ts";

interface Case {
  name: string;
  before: Record<string, Json>;
  call: [string, ...Json[]];
  returns?: Json;
  after?: Record<string, Json>;
  error?: string;
}

/** What the cases' texts are changed to. */
const change = (text: string) => (text === "drop" ? undefined : text.toUpperCase());

for (const it of JSON.parse(readFileSync("../testdata/documents.json", "utf8")) as Case[]) {
  test(it.name, () => {
    const memory = new MemoryDocument(structuredClone(it.before));
    const document = new Document(memory) as any;
    const [name, ...rest] = it.call;
    const call = () => document[name](...rest, ...(name === "editTexts" ? [change] : []));
    if (it.error !== undefined) {
      assert.throws(call, (error) => (error instanceof PathError ? error.kind : String(error)).includes(it.error!));
      return;
    }
    assert.deepEqual(call(), it.returns);
    if (it.after) assert.deepEqual(memory.value, it.after);
  });
}

test("the configuration has defaults, and its type follows from its schema", () => {
  const config = schema.object({
    paths: schema.list(schema.path()),
    mode: schema.withDefault(schema.choice("a", "b"), "a"),
    limit: schema.optional(schema.number({ minimum: 1 })),
  });
  const seen: [string[], "a" | "b", number | undefined][] = [];
  const it = plugin({
    name: "it",
    version: "0.1.0",
    config,
    transform(_, { paths, mode, limit }) {
      seen.push([paths, mode, limit]);
    },
  });
  assert.equal(run(it, { paths: ["title"] }, {}).outcome.tag, "mapped");
  assert.deepEqual(seen, [[["title"], "a", undefined]]);
  assert.deepEqual(JSON.parse(it.describe().configSchema), {
    type: "object",
    properties: {
      paths: { type: "array", items: { type: "string", format: "scim-path" } },
      mode: { enum: ["a", "b"], default: "a" },
      limit: { type: "number", minimum: 1 },
    },
    required: ["paths"],
    additionalProperties: false,
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { fixtures, run } from "scimgate-plugin-sdk/testing";

import * as plugin from "../src/plugin.ts";

fixtures(plugin, "fixtures");

test("a name of one part has no space", () => {
  const { document } = run(plugin, {}, { name: { familyName: "Lovelace" } });
  assert.equal(document["displayName"], "Lovelace");
});

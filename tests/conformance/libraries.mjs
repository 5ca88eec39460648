// Runs the corpus on the SCIM libraries for Node; prints {"filters": {library: {case: result}}, "patches": …}. A result is
// the names of the matching documents, or the document afterwards, or "error".
// Use as: node libraries.mjs <folder with node_modules> < corpus.json
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/`);
const scim2 = require("scim2-parse-filter");
const { scimPatch } = require("scim-patch");
const SCIMMY = require("scimmy").default ?? require("scimmy");
const corpus = JSON.parse(readFileSync(0, "utf8"));
const clone = (value) => JSON.parse(JSON.stringify(value));

// The extensions in the form of SCIMMY.
function attribute(definition) {
  const { name, type, multiValued, mutability, returned, uniqueness, referenceTypes, caseExact, required } = definition;
  const config = {
    multiValued: multiValued ?? false, required: required ?? false, caseExact: caseExact ?? false,
    mutable: mutability ?? "readWrite", returned: returned ?? "default", uniqueness: uniqueness ?? "none",
    ...(referenceTypes && { referenceTypes }),
  };
  return new SCIMMY.Types.Attribute(type, name, config, (definition.subAttributes ?? []).map(attribute));
}

for (const schema of corpus.schemas) {
  const { name, id, description, attributes } = schema;
  // It accepts no URN outside of urn:ietf:params:scim:schemas.
  if (!id.startsWith("urn:ietf:params:scim:schemas:")) continue;
  SCIMMY.Schemas.User.extend(
    new SCIMMY.Types.SchemaDefinition(name, id, description ?? name, attributes.map(attribute)), false);
}
SCIMMY.Schemas.User.extend(SCIMMY.Schemas.EnterpriseUser, false);

function answered(answer) {
  try {
    return answer();
  } catch {
    return "error";
  }
}

function names(documents, match) {
  return Object.keys(documents).filter((name) => match(clone(documents[name])));
}

const filters = { "scim2-parse-filter": {}, scimmy: {} };
for (const { id, type, filter } of corpus.filters) {
  const documents = corpus.documents[type];
  filters["scim2-parse-filter"][id] = answered(() => names(documents, scim2.filter(scim2.parse(filter))));
  filters.scimmy[id] = answered(() => {
    const read = new SCIMMY.Types.Filter(filter);
    return names(documents, (document) => read.match([document]).length > 0);
  });
}

const patches = { "scim-patch": {}, scimmy: {} };
for (const { id, type, before, operations } of corpus.patches) {
  patches["scim-patch"][id] = answered(() => scimPatch(clone(before), clone(operations)));
  const schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
  try {
    const resource = new SCIMMY.Schemas[type]({ id: "1", ...clone(before) }, "out", "/scim");
    const patch = new SCIMMY.Messages.PatchOp({ schemas, Operations: clone(operations) });
    // Nothing to finalise: what the operations made is the answer. Where nothing changes, there is none.
    const after = await patch.apply(resource, async (target) => target);
    patches.scimmy[id] = clone(after ?? resource);
  } catch {
    patches.scimmy[id] = "error";
  }
}
process.stdout.write(JSON.stringify({ filters, patches }));

// Makes a display name of the parts of the name, and keeps accounts of machines from the product.
import { excluded, plugin, schema } from "scimgate-plugin-sdk";

const config = schema.object({
  suffix: schema.withDefault(schema.text({ title: "Appended to every display name" }), ""),
  machines: schema.optional(schema.path({ title: "An attribute that only accounts of machines have" })),
});

export const { describe, transform } = plugin({
  name: "display-name-ts",
  version: "0.1.0",
  resourceTypes: ["User"],
  config,
  transform(user, { suffix, machines }) {
    if (machines !== undefined && user.has(machines)) return excluded(`it has ${machines}`);
    const parts = ["name.givenName", "name.familyName"].flatMap((path) => user.getString(path) ?? []);
    if (parts.length > 0) user.set("displayName", parts.join(" ") + suffix);
    return;
  },
});

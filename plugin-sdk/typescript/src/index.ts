/**
 * Everything a Scimgate mapping plugin needs: `plugin` makes the two functions that the gateway calls.
 *
 * A plugin is a pure function of context, configuration and document: every call runs in a fresh instance, without files and
 * network; the clock stands at `context.lastModified`, and random numbers repeat with the call.
 */

import { Document, type HostDocument } from "./document.ts";
import { log } from "./log.ts";
import type { Configuration, ConfigurationSchema } from "./schema.ts";

export { Document, PathError, type Json } from "./document.ts";
export { log, type Level } from "./log.ts";
export * as schema from "./schema.ts";
export type { Configuration, ScimPath } from "./schema.ts";

/** Which document this is, and when it was changed. */
export interface Context {
  /** The tenant's name, for texts that people read. An operator may change it. */
  readonly tenant: string;
  /** `User`, `Group`, or a resource type that the tenant defined. */
  readonly resourceType: string;
  /** The resource's `id`. */
  readonly resourceId: string;
  /** RFC 3339. The only "now", so a preview and a later run give the same result. */
  readonly lastModified: string;
}

/** Why a document is rejected, for the client (RFC 7644, table 9). */
export type ScimType = "invalidValue" | "uniqueness" | "mutability" | "invalidSyntax";

/** What the plugin decides for the document. */
export type Outcome =
  | { readonly tag: "mapped" }
  | { readonly tag: "excluded"; readonly val: string }
  | { readonly tag: "rejected"; readonly val: { readonly scimType: ScimType | null; readonly detail: string } };

/** The product gets the document as the plugin left it. */
export const mapped: Outcome = { tag: "mapped" };

/** Accepted from the client, hidden from the product. */
export function excluded(why: string): Outcome {
  return { tag: "excluded", val: why };
}

/** Nothing is stored; the client gets a SCIM error with this detail. */
export function rejected(detail: string, scimType: ScimType = "invalidValue"): Outcome {
  return { tag: "rejected", val: { scimType, detail } };
}

/** A plugin's description of itself, and its function. */
export interface Definition<S extends ConfigurationSchema> {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** SemVer. */
  readonly version: string;
  /** The resource types that it can map; `User` and `Group` if left out. */
  readonly resourceTypes?: readonly string[];
  /** What an administrator may configure, made by `schema.object`; nothing if left out. */
  readonly config?: S;
  /**
   * Maps one document in place. Without a returned outcome it is mapped. What it throws means that the plugin could not do its
   * work: its changes are discarded. For an invalid document return `rejected`.
   */
  transform(document: Document, config: Configuration<S>, context: Context): Outcome | void;
}

/** What the gateway reads at upload. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly resourceTypes: string[];
  readonly configSchema: string;
}

/** The two functions that the gateway calls: `export const { describe, transform } = plugin({ … })`. */
export interface Plugin {
  describe(): Manifest;
  transform(context: Context, config: string, document: HostDocument): Outcome;
}

/** Makes a plugin of its definition. */
export function plugin<S extends ConfigurationSchema = {}>(definition: Definition<S>): Plugin {
  const { name, version, resourceTypes = ["User", "Group"], config: declared } = definition;
  return {
    describe() {
      const configSchema = JSON.stringify(declared ?? { type: "object", additionalProperties: false });
      return { name, version, resourceTypes: [...resourceTypes], configSchema };
    },
    transform(context, config, document) {
      try {
        const given = config.trim() === "" ? {} : JSON.parse(config);
        const filled = { ...defaults(declared), ...given } as Configuration<S>;
        return definition.transform(new Document(document), filled, context) ?? mapped;
      } catch (error) {
        throw reason(error);
      }
    },
  };
}

function defaults(declared: ConfigurationSchema | undefined): Record<string, unknown> {
  const properties = Object.entries<Record<string, unknown>>(declared?.properties ?? {});
  return Object.fromEntries(properties.filter(([, it]) => "default" in it).map(([name, it]) => [name, it["default"]]));
}

/** The text of what was thrown: the host takes no other error. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  for (const line of error.stack?.trimEnd().split("\n") ?? []) log.debug(line.trim());
  return error.name === "Error" ? error.message : `${error.name}: ${error.message}`;
}

/** The configuration and its JSON Schema, written once: the type follows from the schema. */

/** A SCIM attribute path. The gateway checks it against the tenant's schemas when a configuration is saved. */
export type ScimPath = string;

declare const value: unique symbol;

/** The JSON Schema of a value of type `T`; `Given` is false where it may be left out. */
export interface Schema<T, Given extends boolean = true> {
  readonly [value]?: [T, Given];
  readonly [keyword: string]: unknown;
}

type Members = Record<string, Schema<any, boolean>>;
type Value<S> = S extends Schema<infer T, boolean> ? T : never;
type Optional<M> = { [K in keyof M]: M[K] extends Schema<any, infer Given> ? (Given extends true ? never : K) : never }[keyof M];
type ObjectOf<M extends Members> = { [K in Exclude<keyof M, Optional<M>>]: Value<M[K]> } & { [K in Optional<M>]?: Value<M[K]> };

/** The schema of a plugin's configuration. */
export interface ConfigurationSchema<M extends Members = any> extends Schema<any> {
  readonly properties?: M;
}

/** What a plugin gets, with defaults filled in: `Configuration<typeof config>`. */
export type Configuration<S extends ConfigurationSchema> = Value<S>;

/** A text. */
export function text(more: Record<string, unknown> = {}): Schema<string> {
  return { type: "string", ...more };
}

/** An attribute's path. */
export function path(more: Record<string, unknown> = {}): Schema<ScimPath> {
  return { type: "string", format: "scim-path", ...more };
}

/** A number. */
export function number(more: Record<string, unknown> = {}): Schema<number> {
  return { type: "number", ...more };
}

/** True or false. */
export function flag(more: Record<string, unknown> = {}): Schema<boolean> {
  return { type: "boolean", ...more };
}

/** One of these texts. */
export function choice<const T extends string>(...choices: T[]): Schema<T> {
  return { enum: choices };
}

/** A list of such values. */
export function list<T>(items: Schema<T>, more: Record<string, unknown> = {}): Schema<T[]> {
  return { type: "array", items, ...more };
}

/** Such a value by every name, such as attribute paths: `record(schema.text(), schema.path())`. */
export function record<T>(values: Schema<T>, names: Schema<string> = {}): Schema<Record<string, T>> {
  return { type: "object", additionalProperties: values, propertyNames: names };
}

/** The value may be left out. */
export function optional<T>(schema: Schema<T>): Schema<T, false> {
  return { ...schema, "x-optional": true } as never;
}

/** The value if it is left out. Applied to the configuration's own members. */
export function withDefault<T>(schema: Schema<T>, otherwise: T): Schema<T> {
  return { ...schema, default: otherwise };
}

/** Such members and no others. */
export function object<const M extends Members>(members: M): Schema<ObjectOf<M>> & ConfigurationSchema<M> {
  const properties: Members = {};
  const required: string[] = [];
  for (const [name, { "x-optional": isOptional, ...schema }] of Object.entries(members)) {
    properties[name] = schema;
    if (!isOptional && !("default" in schema)) required.push(name);
  }
  return { type: "object", properties, required, additionalProperties: false } as never;
}

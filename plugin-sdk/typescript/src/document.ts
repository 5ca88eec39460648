/** The document of a call. It stays in the gateway; only the attributes that a plugin reads are copied. */

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json | undefined };

/** The host's document: values are JSON text. */
export interface HostDocument {
  get(path: string): string[];
  set(path: string, value: string): number;
  append(path: string, value: string): number;
  remove(path: string): number;
  toJson(): string;
  replace(json: string): void;
}

/** Why a path could not be read or written. A plugin may catch it and go on. */
export class PathError extends Error {
  override readonly name = "PathError";
  /** `malformed`, `unknown`, `read-only`, `wrong-value`, or `other`, such as too many values. */
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * The document of this call.
 *
 * Paths are SCIM attribute paths: `userName`, `name.givenName`, `emails[type eq "work"].value`,
 * `urn:example:product:2.0:User:badgeNumber`.
 */
export class Document {
  readonly #host: HostDocument;

  constructor(host: HostDocument) {
    this.#host = host;
  }

  /** Every match. `emails` matches once, the whole array; `emails.value` once per element. */
  get<T extends Json = Json>(path: string): T[] {
    return this.#call(() => this.#host.get(path)).map((text) => JSON.parse(text) as T);
  }

  /** The first match, or undefined. */
  getFirst<T extends Json = Json>(path: string): T | undefined {
    return this.get<T>(path)[0];
  }

  /** The first match if it is a string, or undefined. */
  getString(path: string): string | undefined {
    const first = this.getFirst(path);
    return typeof first === "string" ? first : undefined;
  }

  /** Whether the path matches anything. */
  has(path: string): boolean {
    return this.#call(() => this.#host.get(path)).length > 0;
  }

  /** Sets every match, or creates the value if there is no match; returns the number of values set. */
  set(path: string, value: Json): number {
    const text = JSON.stringify(value);
    return this.#call(() => this.#host.set(path, text));
  }

  /**
   * Adds an element, or each element of an array, to a multi-valued attribute and returns how many were new: an element that is there
   * already is not added.
   */
  append(path: string, value: Json): number {
    const text = JSON.stringify(value);
    return this.#call(() => this.#host.append(path, text));
  }

  /** Removes every match and returns how many there were. */
  remove(path: string): number {
    return this.#call(() => this.#host.remove(path));
  }

  /**
   * Reads one attribute and writes back what `change` returns, if it is another value. For a multi-valued attribute the value is
   * the whole array. Returns whether it changed.
   */
  edit<T extends Json = Json>(path: string, change: (value: T) => Json): boolean {
    const value = this.getFirst<T>(path);
    if (value === undefined) return false;
    const before = JSON.stringify(value);
    const after = change(value);
    if (JSON.stringify(after) === before) return false;
    this.set(path, after);
    return true;
  }

  /**
   * Changes every text that the path matches and returns how many changed. `change` returns the new text, or undefined to remove the
   * value; a removed `value` takes its whole element with it. In `emails` the texts are those of `value`.
   */
  editTexts(path: string, change: (text: string) => string | undefined): number {
    const found = this.get(path);
    const [first] = found;
    if (found.length === 0) return 0;
    if (found.length === 1 && typeof first === "string") {
      const after = change(first);
      if (after === first) return 0;
      return after === undefined ? this.remove(path) : this.set(path, after);
    }
    const [, parent = path, sub = "value"] = found.length === 1 ? [] : /^(.*[^\]])\.([\w$-]+)$/s.exec(path) ?? [];
    if (found.length > 1 && parent === path) {
      throw new Error(`${path} matches several values; name the attribute and its sub-attribute without a filter`);
    }
    const values = this.getFirst(parent);
    if (!Array.isArray(values)) return 0;
    const edited = values.map((value) => editElement(value, sub, change));
    const changed = edited.filter((after, index) => after !== values[index]).length;
    const left = edited.filter((after) => after !== undefined) as Json[];
    if (changed > 0) left.length > 0 ? this.set(parent, left) : this.remove(parent);
    return changed;
  }

  /** Moves the value at one path to another; returns whether there was one. */
  rename(from: string, to: string): boolean {
    const found = this.get(from);
    if (found.length > 1) throw new Error(`${from} matches ${found.length} values: only one can be moved to ${to}`);
    if (found.length === 0) return false;
    this.set(to, found[0] as Json);
    this.remove(from);
    return true;
  }

  /** The whole document. Reading single attributes by path is cheaper, unless a plugin needs most of them. */
  toValue(): Record<string, Json> {
    return JSON.parse(this.#host.toJson());
  }

  /** Replaces the whole document except `id`, `meta` and `schemas`. */
  replace(value: Record<string, Json>): void {
    const text = JSON.stringify(value);
    this.#call(() => this.#host.replace(text));
  }

  #call<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      // The host's error comes as the payload of one of the interpreter's.
      const { tag, val } = ((error as { payload?: unknown }).payload ?? error) as { tag?: string; val?: string };
      throw typeof tag === "string" && typeof val === "string" ? new PathError(tag, val) : error;
    }
  }
}

/** The value itself if nothing changed, and undefined if it is to be removed. */
function editElement(value: Json, sub: string, change: (text: string) => string | undefined): Json | undefined {
  if (typeof value === "string") return change(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const name = Object.keys(value).find((name) => name.toLowerCase() === sub.toLowerCase());
  const text = name === undefined ? undefined : value[name];
  if (name === undefined || typeof text !== "string") return value;
  const after = change(text);
  if (after === text) return value;
  if (after !== undefined) return { ...value, [name]: after };
  const { [name]: _, ...others } = value;
  return sub.toLowerCase() === "value" ? undefined : others;
}

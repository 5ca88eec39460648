// What has to be changed in a component of componentize-qjs 0.4.5 before a strict host runs it:
//
// - It is wrapped with a second component, which resolves modules only while the plugin is built, and has a memory of its own. The
//   inner component is taken out; the import is never called.
// - It gives the borrowed document back after its return, in the clean-up of the call. The component model wants it back before.
//   `transform` gets the missing call, and the clean-up is left out: every call has a fresh instance.

const CUSTOM = 0, TYPE = 1, IMPORT = 2, FUNCTION = 3, EXPORT = 7, CODE = 10;
const CORE_MODULE = 1, COMPONENT = 4;
const RESOURCE_DROP = "[resource-drop]document";
// The document is the last parameter, after four texts of the context and the configuration, each a pointer and a length.
const PARAMETERS = 11, DOCUMENT = 10;

/** The bytes of a component that a host can run. */
export function repair(bytes) {
  const inner = sections(bytes).find(({ id, body }) => id === COMPONENT && body.includes(RESOURCE_DROP));
  if (!inner) throw new Error("this is not a component of componentize-qjs 0.4.5: it has no inner component");
  let patched = 0;
  const result = rebuild(inner.body, ({ id, body }) => {
    const module = id === CORE_MODULE && isBinding(body) ? patch(body) : body;
    patched += module === body ? 0 : 1;
    return module;
  });
  if (patched !== 1) throw new Error(`this is not a component of componentize-qjs 0.4.5: ${patched} modules export transform`);
  return result;
}

/** Whether a module is the one between the WIT and the interpreter. */
function isBinding(module) {
  const names = new Set(exports(module).keys());
  return names.has("transform") && names.has("cabi_post_transform");
}

function patch(module) {
  const { functions: imported, drop } = imports(module);
  const exported = exports(module);
  const types = section(module, FUNCTION);
  const at = (name) => exported.get(name) - imported;
  const type = vector(types, (reader) => reader.number())[at("transform")];
  if (drop === undefined || parameters(module)[type] !== PARAMETERS) {
    throw new Error("this is not a component of componentize-qjs 0.4.5: its transform has another signature");
  }
  return rebuild(module, ({ id, body }) => {
    if (id !== CODE) return body;
    const functions = vector(body, (reader) => reader.bytes(reader.number()));
    const transform = functions[at("transform")];
    const end = transform.length - 1;
    functions[at("transform")] = Buffer.concat([
      transform.subarray(0, end), Buffer.from([0x20, DOCUMENT, 0x10]), leb(drop), transform.subarray(end),
    ]);
    functions[at("cabi_post_transform")] = Buffer.from([0x00, 0x0b]);
    return Buffer.concat([leb(functions.length), ...functions.flatMap((it) => [leb(it.length), it])]);
  });
}

/** The number of imported functions, and the index of the one that gives a document back. */
function imports(module) {
  let functions = 0, drop;
  vector(section(module, IMPORT), (reader) => {
    reader.text();
    const name = reader.text();
    const kind = reader.byte();
    if (kind === 0) {
      reader.number();
      if (name === RESOURCE_DROP) drop = functions;
      functions += 1;
    } else if (kind === 3) reader.bytes(2);
    else {
      if (kind === 1) reader.byte();
      const limited = reader.byte() & 1;
      reader.number();
      if (limited) reader.number();
    }
  });
  return { functions, drop };
}

/** The indices of the exported functions by name. */
function exports(module) {
  const found = vector(section(module, EXPORT), (reader) => [reader.text(), reader.byte(), reader.number()]);
  return new Map(found.filter(([, kind]) => kind === 0).map(([name, , index]) => [name, index]));
}

/** The number of parameters of every type. */
function parameters(module) {
  return vector(section(module, TYPE), (reader) => {
    if (reader.byte() !== 0x60) throw new Error("this is not a component of componentize-qjs 0.4.5: it has other types");
    const count = reader.number();
    reader.bytes(count);
    reader.bytes(reader.number());
    return count;
  });
}

function section(module, wanted) {
  return sections(module).find(({ id }) => id === wanted)?.body ?? Buffer.from([0]);
}

function vector(body, read) {
  const reader = new Reader(body);
  return Array.from({ length: reader.number() }, () => read(reader));
}

function sections(bytes) {
  const reader = new Reader(bytes, 8);
  const found = [];
  while (reader.at < bytes.length) found.push({ id: reader.byte(), body: reader.bytes(reader.number()) });
  return found;
}

/** The same module or component with other sections, and without its names. */
function rebuild(bytes, change) {
  const kept = sections(bytes).filter(({ id, body }) => id !== CUSTOM || !body.subarray(1, 5).equals(Buffer.from("name")));
  const changed = kept.map(({ id, body }) => ({ id, body: change({ id, body }) }));
  return Buffer.concat([bytes.subarray(0, 8), ...changed.flatMap(({ id, body }) => [Buffer.from([id]), leb(body.length), body])]);
}

function leb(number) {
  const bytes = [];
  do {
    const rest = Math.floor(number / 128);
    bytes.push((number % 128) | (rest > 0 ? 128 : 0));
    number = rest;
  } while (number > 0);
  return Buffer.from(bytes);
}

class Reader {
  constructor(buffer, at = 0) {
    this.buffer = buffer;
    this.at = at;
  }

  byte() {
    if (this.at >= this.buffer.length) throw new Error("the component ends too early");
    return this.buffer[this.at++];
  }

  bytes(count) {
    if (this.at + count > this.buffer.length) throw new Error("the component ends too early");
    return this.buffer.subarray(this.at, (this.at += count));
  }

  number() {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  text() {
    return this.bytes(this.number()).toString();
  }
}

// A plugin that misbehaves as configured, to test the host's limits.
import { log, plugin, rejected, schema } from "scimgate-plugin-sdk";

let calls = 0;

const config = schema.object({
  do: schema.choice("nothing", "spin", "recurse", "allocate", "write", "log", "throw", "import", "count", "observe"),
  size: schema.withDefault(schema.number(), 1),
});

export const { describe, transform } = plugin({
  name: "hostile-ts",
  version: "0.1.0",
  config,
  transform(document, config) {
    const { size } = config;
    switch (config.do) {
      case "nothing":
        return;
      case "spin":
        for (;;) calls += 1;
      case "recurse":
        return rejected(String(recurse(size)));
      case "allocate":
        return rejected(`has ${new Uint8Array(size).length} bytes`);
      case "write":
        document.set("title", "x".repeat(size));
        return;
      case "log":
        for (let line = 0; line < size; line += 1) log.info(`line ${line}`);
        return;
      case "throw":
        throw new Error(`I would rather not map ${document.getString("userName")}`);
      case "import":
        // Nothing is loaded before the call returns, and nothing runs after it.
        import(["node", "fs"].join(":")).then((fs) => document.set("title", fs.readFileSync("/etc/passwd", "utf8")));
        return;
      case "count":
        document.set("title", String(++calls));
        return;
      case "observe":
        document.set("title", JSON.stringify(observe()));
        return;
    }
  },
});

/** No tail call, so that it needs the stack. */
function recurse(depth: number): number {
  return depth === 0 ? 0 : 1 + recurse(depth - 1);
}

/** All that a script can learn of the world around it. */
function observe(): Record<string, unknown> {
  const names = ["process", "require", "fetch", "XMLHttpRequest", "WebSocket", "Deno", "setTimeout", "os", "std"];
  return {
    now: new Date().toISOString(),
    zone: new Date().getTimezoneOffset(),
    elapsed: (globalThis as any).performance.now() - (globalThis as any).performance.now(),
    random: [Math.random(), Math.random()],
    present: names.filter((name) => name in globalThis),
  };
}

// Makes the calls that its configuration names, in their order, and logs every answer.
import { excluded, type Json, type Level, log, PathError, plugin, rejected, schema } from "scimgate-plugin-sdk";

const config = schema.object({ calls: schema.list<any>({ type: "array" }) });

export const { describe, transform } = plugin({
  name: "interface-calls-ts",
  version: "1.0.0",
  config,
  transform(document, { calls }, context) {
    for (const call of calls) {
      const [name, path = "", ...rest] = call as string[];
      const value = call.at(-1) as any;
      const answers: Record<string, () => Json> = {
        context: () => [context.tenant, context.resourceType, context.resourceId, context.lastModified],
        get: () => document.get(path),
        set: () => document.set(path, value),
        append: () => document.append(path, value),
        remove: () => document.remove(path),
        "to-json": () => document.toValue(),
        replace: () => (document.replace(value), null),
      };
      if (name === "log") log[path as Level](rest[0]!);
      else if (name === "excluded") return excluded(path);
      else if (name === "rejected") return rejected(path, "uniqueness");
      else if (answers[name!] === undefined) throw new Error(path);
      else {
        try {
          log.info(JSON.stringify(answers[name!]!()));
        } catch (error) {
          if (!(error instanceof PathError)) throw error;
          log.info(error.kind);
        }
      }
    }
    return;
  },
});

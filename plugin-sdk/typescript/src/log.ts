/** Lines for the provisioning log of this request. Never log names or mail addresses. */

/** The level of a line. */
export type Level = "debug" | "info" | "warn" | "error";

/** The host's function in a plugin; in a test there is none, and the lines are kept. */
declare const globalThis: { log?: (level: Level, message: string) => void };

const kept: [Level, string][] = [];

function write(level: Level, message: unknown): void {
  const text = typeof message === "string" ? message : JSON.stringify(message) ?? String(message);
  if (globalThis.log) globalThis.log(level, text);
  else kept.push([level, text]);
}

/** Writes a line; what is not text is written as JSON. */
export const log = {
  debug: (message: unknown) => write("debug", message),
  info: (message: unknown) => write("info", message),
  warn: (message: unknown) => write("warn", message),
  error: (message: unknown) => write("error", message),
};

/** The lines of a test since the last time. */
export function takeLog(): [Level, string][] {
  return kept.splice(0);
}

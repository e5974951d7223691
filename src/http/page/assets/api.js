// Questions to the server.

// What the server refused, as it said it.
export class Problem extends Error {
  constructor(body, status) {
    super((body.detail || `the server answered ${status}`).replace(/`([^`]*)`/g, "“$1”"));
    this.code = body.code || "";
    this.field = body.field || "";
    this.status = status;
  }
}

// The server could not be reached.
export class Gone extends Error {}

// {data, headers, ms}; throws Problem, Gone, or AbortError. With a body it is a POST.
export async function call(path, { body, signal } = {}) {
  const started = performance.now();
  let response;
  try {
    response = await fetch(path, {
      method: body ? "POST" : "GET",
      headers: body ? { "Content-Type": "application/json" } : { Accept: "application/json" },
      body: body && JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    dispatchEvent(new Event("server-gone"));
    throw new Gone("The server does not answer.");
  }
  dispatchEvent(new Event("server-there"));
  const text = await response.text();
  const ms = performance.now() - started;
  let data = {};
  try {
    data = JSON.parse(text);
  } catch {
    if (response.ok) throw new Problem({ detail: "the answer is no JSON" }, response.status);
  }
  if (!response.ok) throw new Problem(data, response.status);
  return { data, headers: response.headers, ms };
}

export const similar = (request, signal) => call("/api/v1/similar", { body: request, signal });
export const explain = (request, track) => call("/api/v1/explain", { body: { ...request, track } });
export const infer = (examples) => call("/api/v1/weights/infer", { body: examples });
export const indexes = () => call("/api/v1/indexes");
export const recall = () => call("/api/v1/recall");
export const map = () => call("/api/v1/map");
export const search = (q, signal) => call(`/api/v1/tracks?limit=12&q=${encodeURIComponent(q)}`, { signal });

export function mapPoints(ids) {
  return call(`/api/v1/map/points?ids=${ids.map(encodeURIComponent).join(",")}`);
}

export const mapNearest = (x, y) => call(`/api/v1/map/nearest?x=${x}&y=${y}&limit=8`);

const known = new Map();

// What is shown of a track, asked for once.
export function track(id) {
  if (!known.has(id)) {
    const asked = call(`/api/v1/tracks/${encodeURIComponent(id)}`).then((answer) => answer.data.track);
    asked.catch(() => known.delete(id));
    known.set(id, asked);
  }
  return known.get(id);
}

// Takes over what other answers told.
export function remember(id, view) {
  known.set(id, Promise.resolve(view));
}

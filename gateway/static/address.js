/** The page's addresses, and what they say. */

const query = () => new URLSearchParams(location.search);

export const stopsOfAddress = () => [...new Set(query().getAll("stop"))];

export const isWall = () => query().get("display") === "1";

/** In token mode: `#access_token=…`, which no server sees. */
export const token = new URLSearchParams(location.hash.slice(1)).get("access_token") ?? undefined;

export function addressOf(stops, options = {}) {
  const parameters = new URLSearchParams([...stops.map((stopId) => ["stop", stopId]), ...Object.entries(options)]);
  // Readable where it may be: a stop id is <feed>:<id>.
  const text = String(parameters).replaceAll("%3A", ":").replaceAll("%2F", "/");
  return `/${text && "?"}${text}${location.hash}`;
}

/** Plain requests; what goes wrong is an Error to be read. */
export async function ask(path, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, signal }).catch((error) => {
    throw signal?.aborted ? error : new Error("No connection.");
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.detail ?? "Something went wrong.");
  return told;
}

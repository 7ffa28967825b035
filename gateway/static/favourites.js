/** The stops that a rider keeps, in this browser. */

const KEY = "stopcast.favourites";
const MOST = 20;

/** `[{stop_id, name}]`. */
export function favourites() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY)) ?? [];
    return kept.filter(({ stop_id: stopId }) => typeof stopId === "string");
  } catch {
    return [];
  }
}

export const isFavourite = (stopId) => favourites().some((kept) => kept.stop_id === stopId);

/** Keep it, or no longer; whether it is kept then. */
export function toggleFavourite(stopId, name) {
  const others = favourites().filter((kept) => kept.stop_id !== stopId);
  const kept = isFavourite(stopId) ? others : [...others, { stop_id: stopId, name }].slice(-MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Private windows may refuse.
  }
  return isFavourite(stopId);
}

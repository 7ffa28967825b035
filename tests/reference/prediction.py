"""One trip's calls and one TripUpdate: what is predicted, by the letter of the specification.

Numbers are the rules of GTFS-Realtime as our tests name them. Where the specification is silent,
docs/decisions/0005 decides. A call is a dictionary: `sequence`, `stop_id`, `scheduled_arrival` and
`scheduled_departure` (POSIX seconds or None), later `status`, `arrival`, `departure`.
"""

from itertools import pairwise
from typing import Any

from google.transit.gtfs_realtime_pb2 import TripUpdate

Call = dict[str, Any]
Update = TripUpdate.StopTimeUpdate
SKIPPED, NO_DATA = Update.SKIPPED, Update.NO_DATA


def predict(calls: list[Call], update: TripUpdate, stops: dict[str, Any]) -> list[Call] | None:
    """The calls as predicted; None if the update cannot be used and the schedule stands."""
    if sequences_decrease(update):
        return None
    told = matched(calls, update, stops)
    delay = update.delay if update.HasField("delay") else None  # rule 33, until the first update
    status = "scheduled" if delay is None else "predicted"
    for position, call in enumerate(calls):
        said = told.get(position)
        if said is not None and said.schedule_relationship == NO_DATA:
            delay, status = None, "no_data"  # rule 31
        event = said is not None and said.schedule_relationship not in (SKIPPED, NO_DATA)
        if said is not None and said.schedule_relationship == SKIPPED:
            call.update(status="skipped", arrival=None, departure=None)  # rule 30: it goes on
        elif event and said is not None:
            tell(call, said)
            delay, status = onward(call, said), "predicted"
        elif delay is None:
            call.update(status=status, arrival=None, departure=None)
        else:  # rule 29
            call.update(status="predicted", arrival=call["scheduled_arrival"] + delay)
            call.update(departure=call["scheduled_departure"] + delay)
    never_back(calls)
    return calls


def predict_by_time(calls: list[Call], update: TripUpdate, stops: dict[str, Any]) -> list[Call]:
    """The calls of a run that has no schedule (exact_times=0): those with a time of their own."""
    if sequences_decrease(update):
        return []
    predicted = []
    for position, said in sorted(matched(calls, update, stops).items()):
        if said.schedule_relationship not in (SKIPPED, NO_DATA):
            call = {**calls[position], "scheduled_arrival": None, "scheduled_departure": None}
            tell(call, said)
            if call["departure"] is not None:
                predicted.append(call)
    never_back(predicted)
    return predicted


def sequences_decrease(update: TripUpdate) -> bool:
    """Rule 19."""
    given = [u.stop_sequence for u in update.stop_time_update if u.HasField("stop_sequence")]
    return any(later < earlier for earlier, later in pairwise(given))


def matched(calls: list[Call], update: TripUpdate, stops: dict[str, Any]) -> dict[int, Any]:
    """By position in `calls` the stop time update that speaks of it. Rules 18 to 20."""
    told: dict[int, Any] = {}
    following = 0
    for said in update.stop_time_update:
        position = position_of(calls, said, following)
        if position is None or position in told:
            continue
        following = position + 1  # also when it says nothing: it speaks of that call
        if says_anything(said):
            told[position] = said
    for position, said in told.items():
        move(calls[position], said, stops)
    return told


def position_of(calls: list[Call], said: Update, following: int) -> int | None:
    """By stop_sequence anywhere; by stop_id alone the next call there, from `following` on."""
    for position, call in enumerate(calls):
        if said.HasField("stop_sequence"):
            if call["sequence"] == said.stop_sequence:
                return position
        elif position >= following and call["stop_id"] == said.stop_id:
            return position
    return None


def says_anything(said: Update) -> bool:
    """Rule 21: SCHEDULED needs an arrival or a departure; rule 23: an event needs time or delay."""
    if said.schedule_relationship in (SKIPPED, NO_DATA):
        return True
    return has_event(said, "arrival") or has_event(said, "departure")


def has_event(said: Update, name: str) -> bool:
    if not said.HasField(name):
        return False
    event = getattr(said, name)
    return has_time(event) or event.HasField("delay")


def has_time(event: TripUpdate.StopTimeEvent) -> bool:
    """Rules 4 and 7: 0, what lies before 1970 and milliseconds are no times."""
    return event.HasField("time") and 0 < event.time < 2**40


def move(call: Call, said: Update, stops: dict[str, Any]) -> None:
    """To another stop (rule 20, F15), and what riders may do there."""
    properties = said.stop_time_properties
    if said.stop_id in stops:
        call["stop_id"] = said.stop_id
    if properties.assigned_stop_id in stops:
        call["stop_id"] = properties.assigned_stop_id
    if properties.stop_headsign:
        call["headsign"] = properties.stop_headsign
    if properties.HasField("pickup_type"):
        call["pickup"] = properties.pickup_type
    if properties.HasField("drop_off_type"):
        call["drop_off"] = properties.drop_off_type


def tell(call: Call, said: Update) -> None:
    """Both times of a call, from one event or two (rules 22 and 23)."""
    arrival = moment(said, "arrival", call["scheduled_arrival"])
    departure = moment(said, "departure", call["scheduled_departure"])
    if arrival is None and departure is not None:
        arrival = min(other(call, departure, "departure", "arrival"), departure)
    elif departure is None and arrival is not None:
        departure = max(other(call, arrival, "arrival", "departure"), arrival)
    call.update(status="predicted", arrival=arrival, departure=departure)
    for name in ("departure", "arrival"):
        event = getattr(said, name)
        if moment(said, name, call[f"scheduled_{name}"]) is not None:
            if event.HasField("uncertainty"):
                call["uncertainty"] = event.uncertainty
            break


def moment(said: Update, name: str, scheduled: int | None) -> int | None:
    event = getattr(said, name)
    if not has_event(said, name):
        return None
    if has_time(event):
        return int(event.time)
    return None if scheduled is None else scheduled + event.delay


def other(call: Call, predicted: int, known: str, missing: str) -> int:
    """The missing event, as late as the known one."""
    if call[f"scheduled_{known}"] is None:
        return predicted
    return int(call[f"scheduled_{missing}"] + predicted - call[f"scheduled_{known}"])


def onward(call: Call, said: Update) -> int:
    """The delay for the stops after this one; after both events the departure's (rule 29)."""
    name = "departure" if has_event(said, "departure") else "arrival"
    event = getattr(said, name)
    if has_time(event):
        by_time = int(event.time - call[f"scheduled_{name}"])
        if not event.HasField("delay") or event.delay == 0:
            return by_time
    return int(event.delay)


def never_back(calls: list[Call]) -> None:
    """Rule 34: predicted times are raised to the one before."""
    latest = None
    for call in calls:
        for name in ("arrival", "departure"):
            if call.get(name) is not None:
                if latest is not None and call[name] < latest:
                    call[name] = latest
                latest = call[name]

from schemas.arrivals import Arrival, Board
from schemas.local.greeting import SOON, BusyStop, greeting, predicted_soon

NOW = 1_700_000_000


def board(*arrivals: Arrival) -> Board:
    return {
        "stop_id": "metro:a/b",
        "version": 1,
        "stop": {"name": "Alpha", "timezone": "Europe/Paris"},
        "routes": {},
        "arrivals": {str(number): arrival for number, arrival in enumerate(arrivals)},
        "alerts": {},
    }


def test_only_predicted_calls_within_the_next_minutes_count() -> None:
    departing: Arrival = {"status": "predicted", "arrival": NOW - 20, "departure": NOW + 10}
    ending: Arrival = {"status": "predicted", "arrival": NOW + SOON}
    late: Arrival = {"status": "predicted", "departure": NOW + SOON + 1}
    gone: Arrival = {"status": "departed", "departure": NOW + 1}
    planned: Arrival = {"status": "scheduled", "scheduled_departure": NOW + 60}
    assert predicted_soon(board(departing, ending, late, gone, planned), NOW) == 2


def test_greeting_has_a_page_and_curl_lines_that_a_shell_takes() -> None:
    text = greeting("http://127.0.0.1:8000", BusyStop(3, "metro:a/b 'c'", "Alpha"), "none")
    path = "http://127.0.0.1:8000/v1/stops/metro:a%2Fb%20%27c%27"
    assert f"      curl -N '{path}/stream'\n      curl -N '{path}/watch'\n" in text
    assert "      http://127.0.0.1:8000/?stop=metro:a/b%20%27c%27\n" in text


def test_greeting_without_a_busy_stop_still_tells_where_the_boards_are() -> None:
    assert "http://127.0.0.1:8000/" in greeting("http://127.0.0.1:8000", None, "none")


def test_where_tokens_are_an_issuers_the_greeting_asks_for_one() -> None:
    text = greeting("http://127.0.0.1:8000", BusyStop(3, "metro:a", "Alpha"), "by issuer")
    assert "once TOKEN is a token with the scope boards:read:" in text
    assert text.count('curl -N -H "Authorization: Bearer $TOKEN" ') == 2
    assert "stopcast auth token" not in text  # there is no secret to sign with

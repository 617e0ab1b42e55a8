"""How much is on its way at once, and how soon an address may be used again."""

from routing.flow.lanes import Lanes
from storage.clock import Steady

NOW = Steady(100.0)
ROOM, OTHER, PHONE = ("slack", "C1"), ("slack", "C2"), ("sms", "+1")


def later(seconds: float) -> Steady:
    return Steady(NOW + seconds)


def test_one_at_a_time_where_a_pace_is_kept() -> None:
    lanes = Lanes({"slack": 1.0, "sms": 0.0})
    assert lanes.take(ROOM, NOW)
    assert not lanes.take(ROOM, NOW)
    assert lanes.take(OTHER, NOW)
    assert lanes.take(PHONE, NOW)
    assert lanes.take(PHONE, NOW)
    lanes.succeeded(ROOM, NOW)
    assert not lanes.take(ROOM, later(0.9))
    assert lanes.next_free(NOW) == later(1.0)
    assert lanes.take(ROOM, later(1.0))


def test_a_full_channel_leaves_the_others_alone() -> None:
    lanes = Lanes({}, width=2)
    assert [lanes.take(("sms", str(n)), NOW) for n in range(3)] == [True, True, False]
    assert lanes.full() == {"sms"}
    assert lanes.take(ROOM, NOW)
    lanes.leave(("sms", "0"))
    assert lanes.full() == set()


def test_a_failing_address_rests_longer_each_time_and_recovers_at_once() -> None:
    lanes, now, rests = Lanes({}), NOW, []
    for _ in range(4):
        assert lanes.take(ROOM, now)
        lanes.failed(ROOM, now, 0.0, None)
        rests.append(lanes.free_at(ROOM, now) - now)
        now = lanes.free_at(ROOM, now)
    assert rests == [1, 2, 4, 8]
    assert lanes.take(ROOM, now)
    lanes.succeeded(ROOM, now)
    assert lanes.take(ROOM, now)


def test_what_the_provider_asked_for_holds_the_whole_address() -> None:
    lanes = Lanes({})
    lanes.take(ROOM, NOW)
    lanes.failed(ROOM, NOW, 0.5, 30.0)
    assert ROOM in lanes.busy(later(29))
    assert ROOM not in lanes.busy(later(30))
    assert OTHER not in lanes.busy(NOW)

"""What routes name exists: policies, time intervals."""

from bot.config.inspection import Inspection
from bot.config.routes import every


def check_routes(inspection: Inspection) -> None:
    """Note policies and time intervals that do not exist."""
    config = inspection.config
    for way, route in every(config.routes):
        if route.policy is not None:
            known = inspection.names("policies")
            inspection.refers((*way, "policy"), "policy", route.policy, known)
        for key in ("mute_time_intervals", "active_time_intervals"):
            for place, name in enumerate(getattr(route, key)):
                there = (*way, key, place)
                known = set(config.alerts.time_intervals)
                inspection.refers(there, "time interval", name, known)

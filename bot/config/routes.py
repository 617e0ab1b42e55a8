"""The section `routes`: a tree that alerts go down."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.config.alerts import FlappingRule, flapping_of
from bot.config.fields import Duration, MatcherText, Switch
from routing.playbook import Route

Way = tuple[str | int, ...]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class RouteSection(BaseModel):
    """Alerts that satisfy every matcher go this way; what is not set, the route above says.

    continue: the routes behind it are tried as well.
    mute_time_intervals, active_time_intervals: names of `alerts.time_intervals`; not inherited.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    match: tuple[MatcherText, ...] = ()
    policy: Text | None = None
    group_by: tuple[Text, ...] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    flapping: FlappingRule = None
    goes_on: Switch = Field(default=False, alias="continue")
    mute_time_intervals: tuple[Text, ...] = ()
    active_time_intervals: tuple[Text, ...] = ()
    routes: tuple["RouteSection", ...] = ()

    def built(self) -> Route:
        """Return it as the floors below know it."""
        return Route(
            matchers=self.match,
            policy=self.policy,
            group_by=self.group_by,
            group_wait=self.group_wait,
            group_interval=self.group_interval,
            repeat_interval=self.repeat_interval,
            flapping=flapping_of(self.flapping) if "flapping" in self.model_fields_set else None,
            goes_on=self.goes_on,
            mute=self.mute_time_intervals,
            active=self.active_time_intervals,
            routes=tuple(route.built() for route in self.routes),
        )


def every(
    routes: tuple[RouteSection, ...], way: Way = ("routes",)
) -> Iterator[tuple[Way, RouteSection]]:
    """Yield every route of the tree from above, and where it stands."""
    for place, route in enumerate(routes):
        here = (*way, place)
        yield here, route
        yield from every(route.routes, (*here, "routes"))

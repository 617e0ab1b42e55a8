"""Channels that draw what a rule watched; given a way to ask for it once all is open."""

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from routing.delivery.report import Plot

AskPlot = Callable[[int], Awaitable[Plot | None]]
"""An incident's number -> what its rule watched; None where that cannot be had in a moment."""


@runtime_checkable
class Draws(Protocol):
    """A channel whose messages about incidents carry a chart, once it can ask for them."""

    def take_plots(self, ask: AskPlot) -> None:
        """Put charts into what is sent from now on."""
        ...

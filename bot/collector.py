"""Keeps Python's garbage collector from holding up the event loop.

What a pager keeps is mostly the labels of series, by the hundred thousand: tuples, of which each
pass of the collector looks at all that it has not set aside. So it rests while the program starts
(which leaves next to no garbage), and then looks at few objects at a time: what survived is set
aside before there is so much of it that one pass would take long.
"""

import gc

THRESHOLDS = 5_000, 1, 1
"""New objects before a pass over them; such passes before one over their survivors too; and of
these before one over all that is not set aside: forty thousand objects, some ten milliseconds."""


def rest() -> None:
    """Let the collector rest until `begin`: what is imported and loaded stays."""
    gc.disable()


def begin() -> None:
    """Set aside all that there is, and collect from now on."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)
    gc.enable()


def _set_aside(phase: str, told: dict[str, int]) -> None:
    """Set aside what survived a pass over all: garbage is gone by then, the rest stays for long."""
    if phase == "stop" and told["generation"] == 2:
        gc.freeze()

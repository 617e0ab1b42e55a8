"""Keeps Python's garbage collector from holding up the event loop.

What a pager keeps is mostly the labels of series, by the hundred thousand: tuples, of which each
pass of the collector looks at all that it has not set aside. So it rests while the program starts
(which leaves next to no garbage), and then looks at few objects at a time: what survived is set
aside before there is so much of it that one pass would take long.
"""

import gc

YOUNG = 20_000
"""Objects that are made before one pass over them: some milliseconds."""
PASSES = 2
"""Such passes before one that looks at their survivors too."""
SURVIVORS = 50_000
"""So many survivors are set aside; a few of them that are garbage later are the price."""


def rest() -> None:
    """Let the collector rest until `begin`: what is imported and loaded stays."""
    gc.disable()


def begin() -> None:
    """Set aside all that there is, and collect from now on."""
    gc.freeze()
    gc.set_threshold(YOUNG, PASSES, 50)
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)
    gc.enable()


def _set_aside(phase: str, told: dict[str, int]) -> None:
    if phase != "stop" or told["generation"] == 0:
        return
    if told["generation"] == 2 or len(gc.get_objects(generation=2)) > SURVIVORS:
        gc.freeze()

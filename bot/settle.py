"""The collector, once everything is open: its full passes must not hold up the loop."""

import gc


def settle_memory() -> None:
    """Keep the collector's full passes from holding up the loop.

    What was built while starting stays for good, so it is not looked through again; and arrays
    make no cycles, so rarer passes let nothing pile up. Nor is what survived a full pass: that is
    the labels of series, by the hundred thousand.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    if _freeze_survivors not in gc.callbacks:
        gc.callbacks.append(_freeze_survivors)


def _freeze_survivors(phase: str, told: dict[str, int]) -> None:
    if phase == "stop" and told["generation"] == 2:
        gc.freeze()

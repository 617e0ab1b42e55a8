"""What holds for the whole run."""

import gc


def pytest_collection_finish() -> None:
    """Let garbage collection pass over what is loaded by now: it stays until the end."""
    gc.collect()
    gc.freeze()

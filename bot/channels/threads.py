"""Blocking libraries beside the event loop: a few calls at a time, none of them waited for long."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
MOST = 4


class Threads:
    """Threads for the calls of one channel.

    A call that outlasts its patience keeps its place until it ends by itself, so that a vendor
    that answers nobody costs `most` threads and no more; none of them holds up our own end.
    """

    def __init__(self, most: int = MOST) -> None:
        self._places = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T], patience: float) -> T:
        """Return what `work` returns or raise what it raises; TimeoutError after `patience` s."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def tell(result: T | None, error: BaseException | None) -> None:
            self._places.release()
            if done.done():
                return
            if error is None:
                done.set_result(result)  # type: ignore[arg-type]
            else:
                done.set_exception(error)

        def call() -> None:
            told: tuple[T | None, BaseException | None]
            try:
                told = (work(), None)
            except BaseException as error:
                told = (None, error)
            with suppress(RuntimeError):  # nobody is left to be told
                loop.call_soon_threadsafe(tell, *told)

        async with asyncio.timeout(patience):
            await self._places.acquire()
            Thread(target=call, daemon=True).start()
            return await done

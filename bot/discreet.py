"""A channel whose words hold no secret: vendors quote what they were sent, tokens included."""

from collections.abc import Callable

from routing.delivery.channel import Channel, Message, Receipt, Rejected, TryLater
from routing.delivery.report import Finished, TakesReports
from storage.model.delivery import Post


class Discreet:
    """Passes on to `channel`; what it says of a failure goes into the database and to people."""

    def __init__(self, channel: Channel, clean: Callable[[str], str]) -> None:
        self._channel, self._clean = channel, clean

    async def send(self, message: Message, address: str, key: str, post: Post | None) -> Receipt:
        """Send by the channel; raises what it raises, cleaned."""
        try:
            return await self._channel.send(message, address, key, post)
        except (TryLater, Rejected) as word:
            raise self._cleaned(word) from word.__cause__

    async def send_report(self, report: Finished, address: str, key: str) -> Receipt:
        """Send a report by the channel; raises what it raises, cleaned."""
        if not isinstance(self._channel, TakesReports):
            raise Rejected("this channel shows no reports")
        try:
            return await self._channel.send_report(report, address, key)
        except (TryLater, Rejected) as word:
            raise self._cleaned(word) from word.__cause__

    async def outcome(self, provider_id: str) -> Receipt:
        """Ask the channel; raises what it raises, cleaned."""
        try:
            return await self._channel.outcome(provider_id)
        except (TryLater, Rejected) as word:
            raise self._cleaned(word) from word.__cause__

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _cleaned(self, word: TryLater | Rejected) -> TryLater | Rejected:
        word.args = tuple(self._clean(it) if isinstance(it, str) else it for it in word.args)
        if isinstance(word, Rejected):
            word.advice, word.fault = self._clean(word.advice), self._clean(word.fault)
        return word

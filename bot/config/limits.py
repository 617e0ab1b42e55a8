"""The section `limits` of a source, whether it sends or is scraped."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.config.fields import Size


class LimitsSection(BaseModel):
    """What one source may use up.

    series: new ones beyond are refused and counted, known ones go on; none: the store's
            `max_series_per_source`.
    labels, label_bytes: of one new series, as the store's `max_labels` and `max_label_bytes`, in
            place of which they hold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    series: Annotated[int, Field(ge=1)] | None = None
    labels: Annotated[int, Field(ge=1)] | None = None
    label_bytes: Annotated[int, Field(ge=1)] | None = None


class SenderLimitsSection(LimitsSection):
    """What a source that sends may use up besides.

    body: larger requests are refused, as sent; none: `server.max_body`, which none exceeds.
    """

    body: Size | None = None

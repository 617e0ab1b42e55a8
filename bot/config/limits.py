"""The section `limits` of a source, whether it sends or is scraped."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class LimitsSection(BaseModel):
    """What one source may use up.

    series: new ones beyond are refused and counted, known ones go on; none: the store's
            `max_series_per_source`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    series: Annotated[int, Field(ge=1)] | None = None

"""Jobs are sources like those that send: each name means one of them."""

import re

from bot.config.inspection import Inspection, Way

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def check_scrape(inspection: Inspection, taken: str) -> None:
    """Note jobs whose name is no name, or means something else already. taken: our own source."""
    config, seen = inspection.config, set[str]()
    for place, section in enumerate(config.scrape):
        way: Way = ("scrape", place, "job")
        if not _NAME.fullmatch(section.job):
            expected = "expected letters and digits, with . _ - between them"
            inspection.add(way, f"found the name {section.job!r}; {expected}")
        elif section.job in seen:
            inspection.add(way, f"{section.job} is a job already; expected another name for each")
        elif section.job in inspection.names("sources") or section.job == taken:
            inspection.add(way, f"{section.job} is a source already; expected another name")
        seen.add(section.job)
        if section.scheme == "http" and section.ca_file is not None:
            text = "found ca_file and scheme http; expected `scheme: https`"
            inspection.add(("scrape", place, "ca_file"), text)

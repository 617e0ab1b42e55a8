"""Mails reach one source each, and somebody listens for them."""

from bot.config.inspection import Inspection, Way


def check_mail(inspection: Inspection) -> None:
    """Note addresses that two sources have, and those at which nobody listens."""
    config, taken = inspection.config, dict[str, str]()
    for name, section in config.sources.items():
        if section.mail is None:
            continue
        way: Way = ("sources", name, "mail", "address")
        if config.mail is None and not inspection.places.has("mail"):
            text = "nobody listens for mails; expected a section `mail`, such as `mail: {}`"
            inspection.add(way, text)
        if (first := taken.setdefault(section.mail.address.lower(), name)) != name:
            inspection.add(way, f"{first} has the same; expected another for each source")
    if config.mail is not None and not taken and inspection.is_sound("sources"):
        text = "no source takes mails; expected `mail: {address: ..., senders: [...]}` in one"
        inspection.add(("mail",), text)

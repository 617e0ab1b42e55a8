"""The configuration -> who may come in, and by what."""

from bot.config.build import body_limits
from bot.config.config import Config
from bot.web.parts import Keys
from storage.model.person import PersonId


def keys_of(config: Config) -> Keys:
    """Return who may come in, and by what."""
    sources, person = config.sources, config.console.person
    return Keys(
        ingest_tokens={name: s.token.reveal() for name, s in sources.items() if s.token},
        open_sources=[name for name, section in sources.items() if not section.token],
        people_tokens={entry.person: entry.token.reveal() for entry in config.server.tokens},
        console_person=PersonId(person) if person else None,
        body_bytes=body_limits(config),
        heartbeat_tokens={
            name: it.token.reveal() for name, it in config.heartbeats.items() if it.token
        },
        mappings={name: s.mapping.compiled() for name, s in sources.items() if s.mapping},
        boxes={
            s.mail.address.lower(): s.mail.built(name, s.mapping)
            for name, s in sources.items()
            if s.mail
        },
    )

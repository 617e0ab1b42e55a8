"""The stage of the web server's tests serves the demo's routes as well."""

from tests.bot.web.conftest import serve, stage

__all__ = ["serve", "stage"]

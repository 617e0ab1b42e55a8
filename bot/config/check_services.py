"""The catalogue holds together: what depends on what is there, and no name means two services."""

from bot.config.inspection import Inspection, Way


def check_services(inspection: Inspection) -> None:
    """Note dependencies on nothing, and names that are taken."""
    services, taken = inspection.config.services, dict[str, str]()
    for name, section in services.items():
        for place, other in enumerate(section.depends_on):
            way: Way = ("services", name, "depends_on", place)
            inspection.refers(way, "service", other, inspection.names("services"))
            if other == name:
                inspection.add(way, f"{name} depends on itself; expected another service")
        for place, other in enumerate(section.also):
            way = ("services", name, "also", place)
            if other in services and other != name:
                inspection.add(way, f"{other} is a service of its own; expected another name")
            elif (first := taken.setdefault(other, name)) != name:
                inspection.add(way, f"{first} is also called so; expected one service for a name")

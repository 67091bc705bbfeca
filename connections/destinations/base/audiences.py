"""Systems that take people."""

from connections.destinations.base.destination import Destination, Unit


class AudienceDestination(Destination):
    """A people-targeting system: takes batches of profiles and answers for each row."""

    unit = Unit.PEOPLE

"""How sending goes wrong."""


class NotDeliveredError(Exception):
    """Why a message was not taken, for everyone: no address in it. One that is permanent is not tried again."""

    def __init__(self, text: str, *, is_permanent: bool = True, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.is_permanent, self.retry_after = is_permanent, retry_after

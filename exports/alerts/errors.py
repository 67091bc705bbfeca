"""How sending goes wrong."""

from roles.messages import Message, SaidError


class NotDeliveredError(SaidError):
    """Why a message was not taken, for everyone: no address in it. One that is permanent is not tried again."""

    def __init__(self, message: Message, *, is_permanent: bool = True, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.is_permanent, self.retry_after = is_permanent, retry_after

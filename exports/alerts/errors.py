"""How sending goes wrong."""

from roles.messages import Message, SaidError


class NotDeliveredError(SaidError):
    """Why a message was not taken, for everyone: no address in it. One that is permanent is not tried again.

    `is_about_some` says that some of its people may have it.
    """

    def __init__(
        self,
        message: Message,
        *,
        is_permanent: bool = True,
        retry_after: float | None = None,
        is_about_some: bool = False,
    ) -> None:
        super().__init__(message)
        self.is_permanent, self.retry_after, self.is_about_some = is_permanent, retry_after, is_about_some

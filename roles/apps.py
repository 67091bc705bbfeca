from django.apps import AppConfig


class RolesConfig(AppConfig):
    """Who may do what, and the ground that the other apps stand on."""

    name = "roles"

    def ready(self) -> None:
        """Let rotation walk the second factors, which roles/sign_in/ encrypts."""
        from roles.secrets import Keeper, add_keeper

        add_keeper(Keeper("mfa.Authenticator", "data", about=lambda row: (None, row.user), related=("user",)))

from django.apps import AppConfig


class RolesConfig(AppConfig):
    """Who may do what, and the ground that the other apps stand on."""

    name = "roles"

    def ready(self) -> None:
        """Listen to the front door; let rotation walk the second factors, which roles/sign_in/ encrypts."""
        from django.contrib.auth.signals import user_logged_in

        from roles import checks, registration
        from roles.secrets import same_keys
        from roles.secrets.store import SecretField, register_secret_field
        from roles.sign_in import recording, sessions

        registration.register()
        checks.register("same keys", same_keys.finding)
        recording.connect()
        user_logged_in.connect(sessions.begin, dispatch_uid="waybill begin")
        register_secret_field(
            SecretField("mfa.Authenticator", "data", about=lambda row: (None, row.user), related=("user",))
        )

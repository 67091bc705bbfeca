from django.apps import AppConfig


class RolesConfig(AppConfig):
    """Who may do what, and what the other apps build on."""

    name = "roles"

    def ready(self) -> None:
        """Record sign-ins, and let key rotation find the secrets of second factors."""
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

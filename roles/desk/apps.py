from django.contrib.admin.apps import AdminConfig


class SupportAdminConfig(AdminConfig):
    """Django admin as the desk of support staff."""

    default_site = "roles.desk.site.SupportSite"

    def ready(self) -> None:
        """Find all admin modules, and end what a person sees as when they log out."""
        super().ready()
        from roles.desk import receivers  # noqa: F401

from django.contrib.admin.apps import AdminConfig


class SupportAdminConfig(AdminConfig):
    """Django admin as the desk of support staff."""

    default_site = "roles.desk.site.SupportSite"

    def ready(self) -> None:
        """Find all admin modules, and end seeing as a role at the log-out."""
        super().ready()
        from roles.desk import receivers  # noqa: F401
